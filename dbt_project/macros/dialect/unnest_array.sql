{% macro unnest_array(array) %}
    unnest({{ array }})
{%- endmacro %}
