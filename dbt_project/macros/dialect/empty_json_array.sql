{% macro empty_json_array() %}cast('[]' as jsonb){% endmacro %}
