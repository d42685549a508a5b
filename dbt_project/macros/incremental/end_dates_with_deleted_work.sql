{% macro end_dates_with_deleted_work(other_than) %}
    {#- the end dates whose windows counted work on a pull request that GitHub has dropped since; they are built again, since a
        pull request that is gone leaves the marts -#}
    with deleted_days as (
        select distinct activities.day
        from (select * from {{ ref('int_author_activities') }}) as activities
        inner join (select * from {{ ref('int_pull_requests_tracked') }}) as tracked
            on activities.pr_id = tracked.pr_id
        where tracked.is_deleted and tracked.changed_at > {{ last_built_at() }}
    )

    select distinct snapshots.end_date
    from {{ this }} as snapshots
    inner join deleted_days
        on deleted_days.day between snapshots.start_date and snapshots.end_date
    where snapshots.end_date not in ('{{ other_than | join("', '") }}')
{%- endmacro %}
