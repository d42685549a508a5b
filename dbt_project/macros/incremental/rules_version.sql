{% macro rules_version() %}
    {#- a SQL expression: the fingerprint of every seed and var that this model's rows depend on -#}
    {%- set parts = ["'" ~ var('feature_min_confidence') ~ "/" ~ var('high_risk_threshold') ~ "'"] -%}
    {%- for node_id in upstream_nodes() if node_id.startswith('seed.') -%}
        {%- set seed = graph.nodes[node_id] -%}
        {%- do parts.append(
            "(select md5(coalesce(string_agg(cast(words as text), ',' order by cast(words as text)), '')) from "
            ~ seed.schema ~ '.' ~ seed.alias ~ " as words)"
        ) -%}
    {%- endfor -%}
    md5(concat_ws('/', {{ parts | join(', ') }}))
{%- endmacro %}
