{% macro upstream_nodes() %}
    {#- every ancestor of this model, breadth first -#}
    {%- set found = model.depends_on.nodes | list -%}
    {%- for node_id in found if node_id in graph.nodes -%}
        {%- for parent in graph.nodes[node_id].depends_on.nodes if parent not in found -%}
            {%- do found.append(parent) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do return(found | sort) -%}
{% endmacro %}
