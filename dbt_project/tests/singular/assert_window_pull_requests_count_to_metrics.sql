{# the pull requests listed for a window count to its metrics: created in it to prs_submitted, merged in it to
   prs_merged, and those with high_risk to high_risk_prs. Where only one of the two tables was built since a change, they
   say what was known at different times #}
with

metrics as (

    select * from {{ ref('author_metrics_window') }}

),

comparable as (

    select metrics_builds.end_date
    from {{ snapshot_builds() }} as metrics_builds
    inner join {{ snapshot_builds() }} as pull_requests_builds
        on
            metrics_builds.end_date = pull_requests_builds.end_date
            and metrics_builds.covers_until = pull_requests_builds.covers_until
    where
        metrics_builds.model_name = 'author_metrics_window'
        and pull_requests_builds.model_name = 'author_prs_window'

),

counted as (

    select
        username,
        repo_name,
        window_days,
        end_date,
        count(*) filter (
            where {{ utc_day('created_at') }} between start_date and end_date
        ) as prs_submitted,
        count(*) filter (
            where {{ utc_day('merged_at') }} between start_date and end_date
        ) as prs_merged,
        count(*) filter (
            where high_risk and {{ utc_day('merged_at') }} between start_date and end_date
        ) as high_risk_prs

    from {{ ref('author_prs_window') }}
    group by username, repo_name, window_days, end_date

)

select
    coalesce(metrics.username, counted.username) as username,
    coalesce(metrics.repo_name, counted.repo_name) as repo_name,
    coalesce(metrics.window_days, counted.window_days) as window_days,
    coalesce(metrics.end_date, counted.end_date) as end_date

from metrics
full outer join counted
    on
        metrics.username = counted.username
        and metrics.repo_name = counted.repo_name
        and metrics.window_days = counted.window_days
        and metrics.end_date = counted.end_date
where
    coalesce(metrics.end_date, counted.end_date) in (select comparable.end_date from comparable)
    and (
        metrics.username is null
        or metrics.prs_submitted <> coalesce(counted.prs_submitted, 0)
        or metrics.prs_merged <> coalesce(counted.prs_merged, 0)
        or metrics.high_risk_prs <> coalesce(counted.high_risk_prs, 0)
    )
