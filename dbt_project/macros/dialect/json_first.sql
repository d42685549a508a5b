{% macro json_first(array, count) %}
    jsonb_path_query_array({{ array }}, '$[0 to {{ count - 1 }}]')
{%- endmacro %}
