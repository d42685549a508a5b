{% macro analyze_table() %}
    {#- the models that follow are planned by these statistics; autovacuum would come a minute too late. A few changed rows
        leave them as good as they were, except in snapshots: a new end date is all that is asked for -#}
    {%- if model.config.materialized == 'table' or config.get('full_refresh') is false -%}
    analyze {{ this }}
    {%- elif model.config.materialized == 'incremental' and execute -%}
        {%- set has_changed = run_query(
            'select pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_deleted(oid) > 0.05 * reltuples '
            ~ "from pg_class where oid = cast('" ~ this ~ "' as regclass)"
        ) -%}
        {%- if has_changed[0][0] -%}
    analyze {{ this }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
