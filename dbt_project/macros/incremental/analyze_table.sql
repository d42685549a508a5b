{% macro analyze_table() %}
    {#- the models that follow are planned by these statistics; autovacuum would come a minute too late. A few changed rows
        leave them as good as they were, except in snapshots, where a new end date is all that is asked for, and in
        `changed_at`, by which those models ask for just these rows -#}
    {%- if model.config.materialized == 'table' or config.get('full_refresh') is false -%}
    analyze {{ this }}
    {%- elif model.config.materialized == 'incremental' and execute -%}
        {%- set changes = run_query(
            'select pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_deleted(oid), 0.05 * reltuples '
            ~ "from pg_class where oid = cast('" ~ this ~ "' as regclass)"
        )[0] -%}
        {%- if changes[0] > changes[1] -%}
    analyze {{ this }}
        {%- elif changes[0] and 'changed_at' in model.columns -%}
    analyze {{ this }} (changed_at)
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
