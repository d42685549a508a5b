{% macro json_elements(array) %}
    jsonb_array_elements_text({{ array }})
{%- endmacro %}
