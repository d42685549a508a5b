{% macro window_days_asked_for() %}
    {#- asked while parsing, before anything is written: with lengths that are none, a build would empty the snapshot of today -#}
    {%- set asked = var('window_days') -%}
    {%- set lengths = [] if asked is string or asked is not iterable else asked | select('integer') | select('ge', 1) | unique | list -%}
    {%- if not lengths or lengths | length < asked | length -%}
        {%- do exceptions.raise_compiler_error(
            'window_days is ' ~ asked ~ ': write different whole numbers of days, such as [7, 30]'
        ) -%}
    {%- endif -%}
    {%- do return(lengths) -%}
{% endmacro %}
