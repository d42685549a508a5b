{% macro json_contains(array, element) %}
    ({{ array }} ? {{ element }})
{%- endmacro %}
