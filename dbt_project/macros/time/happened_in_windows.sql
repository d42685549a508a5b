{% macro happened_in_windows(timestamp, end_dates) %}
    {%- set days = days_of_windows(end_dates) -%}
    {{ timestamp }} >= {{ utc_midnight(days[0]) }} and {{ timestamp }} < {{ utc_midnight(days[1] ~ ' + 1') }}
{%- endmacro %}
