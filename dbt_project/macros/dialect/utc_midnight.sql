{% macro utc_midnight(day) %}
    {#- comparable with an indexed timestamp, which the day of the timestamp is not -#}
    (cast({{ day }} as timestamp) at time zone 'UTC')
{%- endmacro %}
