{% macro is_newest_snapshot(relation) %}
    {#- the index on end_date finds it at once -#}
    end_date = (
        select max(snapshots.end_date)
        from {{ relation }} as snapshots
        where snapshots.end_date <= {{ days_before(0) }}
    )
{%- endmacro %}
