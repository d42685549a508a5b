{% macro is_newest_snapshot(relation, built) %}
    {#- as built, not as the rows say: the newest snapshot may have none -#}
    end_date = (
        select max(snapshots.end_date)
        from {{ built }} as snapshots
        where snapshots.table_name = '{{ relation.identifier }}' and snapshots.end_date <= {{ days_before(0) }}
    )
{%- endmacro %}
