{% macro array_contains(array, element) %}
    (array_position({{ array }}, {{ element }}) is not null)
{%- endmacro %}
