{% macro snapshots_version(window_days=none) %}
    {#- a SQL expression: the fingerprint of all that this model's snapshots follow from beside the rows they are made of: seeds
        and vars, and the text of every model on the way -#}
    {%- set parts = [(window_days or window_days_asked_for()) | join(' '), model.checksum.checksum] -%}
    {%- for node_id in upstream_nodes() if node_id.startswith('model.') -%}
        {%- do parts.append(graph.nodes[node_id].checksum.checksum) -%}
    {%- endfor -%}
    md5(concat_ws('/', '{{ local_md5(parts | join('/')) }}', {{ rules_version() }}))
{%- endmacro %}
