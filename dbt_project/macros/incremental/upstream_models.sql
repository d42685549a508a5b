{% macro upstream_models() %}
    {#- the names of every model that this one is built from, as SQL literals -#}
    {%- set names = ["''"] -%}
    {%- for node_id in upstream_nodes() if node_id.startswith('model.') -%}
        {%- do names.append("'" ~ graph.nodes[node_id].name ~ "'") -%}
    {%- endfor -%}
    {%- do return(names | join(', ')) -%}
{% endmacro %}
