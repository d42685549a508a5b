{% macro as_of_date() %}
    {%- do return(var('as_of_date') or run_started_at.strftime('%Y-%m-%d')) -%}
{% endmacro %}
