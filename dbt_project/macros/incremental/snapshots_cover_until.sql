{% macro snapshots_cover_until(end_dates) %}
    {#- until when the last builds of these snapshots cover what changed; none if one of them was never built, or was built in
        another way, or from a table that was built anew since -#}
    {%- if not is_incremental() or flags.FULL_REFRESH or flags.EMPTY -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set covered = run_query(
        'select cast(min(builds.covers_until) as text) from ' ~ snapshot_builds() ~ ' as builds'
        ~ " where builds.model_name = '" ~ model.name ~ "' and builds.end_date in ('" ~ end_dates | join("', '") ~ "')"
        ~ ' and builds.version = ' ~ snapshots_version()
        ~ ' and not exists (select 1 from ' ~ model_builds() ~ ' as parents where parents.model_name in ('
        ~ upstream_models() ~ ') and parents.rebuilt_at > builds.built_at)'
        ~ ' having count(*) = ' ~ end_dates | length
    ) -%}
    {%- do return(covered[0][0] if covered else none) -%}
{% endmacro %}
