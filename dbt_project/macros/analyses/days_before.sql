{% macro days_before(days) %}
    {%- set day = modules.datetime.date.fromisoformat(as_of_date() | string) - modules.datetime.timedelta(days=days) -%}
    cast('{{ day.isoformat() }}' as date)
{%- endmacro %}
