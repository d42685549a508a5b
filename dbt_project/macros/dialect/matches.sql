{% macro matches(text, pattern) %}
    ({{ text }} ~ ({{ pattern }}))
{%- endmacro %}
