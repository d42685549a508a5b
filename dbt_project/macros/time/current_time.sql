{% macro current_time() %}current_timestamp{% endmacro %}
