{% macro json_list_known(expressions) %}
    {#- a list without the expressions that are null -#}
    {%- for expression in expressions -%}
    case when {{ expression }} is null then {{ empty_json_array() }} else {{ json_list([expression]) }} end
    {{- ' || ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
