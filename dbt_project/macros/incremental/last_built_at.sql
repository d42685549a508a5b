{% macro last_built_at(time='built_at') %}
    {#- a literal rather than a subquery: the planner then knows how few rows lie behind it -#}
    {%- if not execute -%}
        {%- do return("cast('-infinity' as timestamptz)") -%}
    {%- endif -%}
    {%- set built = run_query(
        "select cast(coalesce(max(" ~ time ~ "), '-infinity') as text) from " ~ model_builds()
        ~ " where model_name = '" ~ model.name ~ "'"
    ) -%}
    {%- do return("cast('" ~ built[0][0] ~ "' as timestamptz)") -%}
{% endmacro %}
