{% macro days_between(start, end) %}
    (select cast(series.day as date) as day from generate_series({{ start }}, {{ end }}, interval '1 day') as series (day))
{%- endmacro %}
