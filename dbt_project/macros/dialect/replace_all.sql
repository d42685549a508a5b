{% macro replace_all(text, pattern, replacement="''") %}
    regexp_replace({{ text }}, {{ pattern }}, {{ replacement }}, 'g')
{%- endmacro %}
