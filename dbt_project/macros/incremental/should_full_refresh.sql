{% macro should_full_refresh() %}
    {#- dbt's own question, asked by is_incremental() and by the materialization. Beside --full-refresh, a table is built
        anew when a seed or var it depends on has changed, when a table it reads was built anew since, or when nothing
        tells how it was built. The tables of snapshots say full_refresh: false, since nothing could bring history back -#}
    {%- set asked_for = flags.FULL_REFRESH if config.get('full_refresh') is none else config.get('full_refresh') -%}
    {%- if asked_for or config.get('full_refresh') is false or model.config.materialized != 'incremental' or not execute -%}
        {%- do return(asked_for) -%}
    {%- endif -%}
    {%- set current = run_query(
        'select 1 from ' ~ model_builds() ~ " as builds where builds.model_name = '" ~ model.name ~ "'"
        ~ ' and builds.rules_version = ' ~ rules_version()
        ~ ' and not exists (select 1 from ' ~ model_builds() ~ ' as parents where parents.model_name in ('
        ~ upstream_models() ~ ') and parents.rebuilt_at > builds.built_at)'
    ) -%}
    {%- do return(current | length == 0) -%}
{% endmacro %}
