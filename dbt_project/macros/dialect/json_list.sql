{% macro json_list(expressions) %}
    jsonb_build_array({{ expressions | join(', ') }})
{%- endmacro %}
