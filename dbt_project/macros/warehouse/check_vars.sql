{% macro check_vars() %}
    {#- before anything is written: with lengths that are none, a build would empty the snapshot of today -#}
    {%- set lengths = var('window_days') -%}
    {%- set numbers = lengths | select('integer') | select('ge', 1) | unique | list if lengths is iterable and lengths is not string else [] -%}
    {%- if not numbers or numbers | length < lengths | length -%}
        {%- do exceptions.raise_compiler_error(
            'window_days is ' ~ lengths ~ ': write different whole numbers of days, such as [7, 30]'
        ) -%}
    {%- endif -%}
    {%- for name, most in [('feature_min_confidence', 1), ('high_risk_threshold', 10)] -%}
        {%- if var(name) is not number or not 0 <= var(name) <= most -%}
            {%- do exceptions.raise_compiler_error(name ~ ' is ' ~ var(name) ~ ': write a number from 0 to ' ~ most) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in ['as_of_date', 'backfill_from', 'backfill_to'] if var(name) -%}
        {%- if not modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', var(name) | string) -%}
            {%- do exceptions.raise_compiler_error(name ~ ' is ' ~ var(name) ~ ': write a date as 2024-01-31') -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
