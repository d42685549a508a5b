{% macro hours_between(start, end) %}
    cast(extract(epoch from {{ end }} - {{ start }}) / 3600 as double precision)
{%- endmacro %}
