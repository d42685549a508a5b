{% macro windows(end_dates) %}
    {#- one row per window of this build; exactly window_days days, end_date among them -#}
    {%- for end_date in end_dates -%}
        {%- set last_date = loop.last -%}
        {%- for days in var('window_days') %}
    select
        cast({{ days }} as integer) as window_days,
        cast('{{ end_date }}' as date) - {{ days - 1 }} as start_date,
        cast('{{ end_date }}' as date) as end_date
    {{ 'union all' if not (loop.last and last_date) }}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
