{% macro capture(text, pattern) %}
    substring({{ text }} from {{ pattern }})
{%- endmacro %}
