{% macro happened_in_days(timestamp, days) %}
    {{ timestamp }} >= {{ start_of_day(days_ago=days - 1) }}
    and {{ timestamp }} < {{ start_of_day(days_ago=-1) }}
{%- endmacro %}
