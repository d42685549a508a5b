{% macro as_of_date() %}
    {%- do return(date_asked_for('as_of_date') if var('as_of_date') else run_started_at.strftime('%Y-%m-%d')) -%}
{% endmacro %}
