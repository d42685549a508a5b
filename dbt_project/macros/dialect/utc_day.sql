{% macro utc_day(timestamp) %}
    cast({{ timestamp }} at time zone 'UTC' as date)
{%- endmacro %}
