{% macro windows(end_dates) %}
    {#- one row per window of this build; exactly window_days days, end_date among them -#}
    {%- set selects = [] -%}
    {%- for end_date, lengths in window_days_of(end_dates).items() -%}
        {%- for days in lengths -%}
            {%- do selects.append(
                'select cast(' ~ days ~ ' as integer) as window_days, '
                ~ "cast('" ~ end_date ~ "' as date) - " ~ (days - 1) ~ ' as start_date, '
                ~ "cast('" ~ end_date ~ "' as date) as end_date"
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ selects | join('\n    union all\n    ') }}
{% endmacro %}
