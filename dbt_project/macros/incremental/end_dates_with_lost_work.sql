{% macro end_dates_with_lost_work(other_than) %}
    {#- the end dates whose windows counted work on a pull request that GitHub has dropped since, or with the work of another
        account that is an author of its own now. They are built again: a pull request that is gone leaves the marts, and an
        alias that is taken back gives back what was done. Each once, since what was noticed when never moves.
        The time of this table's last build tells the planner how little there is to look for -#}
    with lost_days as (
        select
            activities.day,
            deleted.noticed_at
        from (select * from {{ ref('int_pull_requests_deleted') }}) as deleted
        inner join (select * from {{ ref('int_author_activities') }}) as activities
            on deleted.pr_id = activities.pr_id
        where deleted.noticed_at > {{ last_built_at('covers_until') }}

        union distinct

        select
            activities.day,
            parted.parted_at as noticed_at
        from (select * from {{ ref('int_accounts_parted') }}) as parted
        inner join (select * from {{ ref('int_accounts_resolved') }}) as accounts
            on parted.account_id = accounts.account_id
        inner join (select * from {{ ref('int_author_activities') }}) as activities
            on accounts.username = activities.username
        where parted.parted_at > {{ last_built_at('covers_until') }}
    )

    select distinct builds.end_date
    from {{ snapshot_builds() }} as builds
    inner join lost_days
        on builds.covers_until < lost_days.noticed_at
    where
        builds.model_name = '{{ model.name }}'
        and builds.end_date not in ('{{ other_than | join("', '") }}')
        and exists (
            select 1
            from {{ this }} as snapshots
            where
                snapshots.end_date = builds.end_date
                and lost_days.day between snapshots.start_date and snapshots.end_date
        )
{%- endmacro %}
