{% macro letters_beyond_ascii() %}
    {%- do return('\\u00C0-\\u1FFF\\u2C00-\\uD7FF\\uF900-\\uFDFF') -%}
{% endmacro %}
