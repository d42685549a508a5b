{% macro start_of_day(days_ago=0) %}
    {#- a literal with its zone: an index on the timestamp serves it, and the session's time zone does not matter -#}
    {%- set day = modules.datetime.date.fromisoformat(as_of_date() | string) - modules.datetime.timedelta(days=days_ago) -%}
    cast('{{ day.isoformat() }} 00:00:00+00' as timestamptz)
{%- endmacro %}
