{# every measure of a window is the sum of its days, and a window without a day, or days without their window, is an
   error. Only snapshots built since the days were can be held against them: others show what was known when they
   were built #}
with

author_metrics_window as (

    select * from {{ ref('author_metrics_window') }}

),

author_metrics_daily as (

    select * from {{ ref('author_metrics_daily') }}

),

current_snapshots as (

    select snapshot_builds.end_date
    from {{ snapshot_builds() }} as snapshot_builds
    inner join {{ model_builds() }} as model_builds
        on model_builds.model_name = 'author_metrics_daily'
    where
        snapshot_builds.model_name = 'author_metrics_window'
        and snapshot_builds.built_at >= model_builds.built_at

),

ranges as (

    {% for days in window_days_asked_for() -%}
    select
        {{ days }} as window_days,
        end_date - {{ days - 1 }} as start_date,
        end_date

    from current_snapshots
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

windows as (

    select author_metrics_window.*
    from author_metrics_window
    inner join ranges
        on
            author_metrics_window.window_days = ranges.window_days
            and author_metrics_window.end_date = ranges.end_date

),

days as (

    select
        daily.username,
        daily.repo_name,
        ranges.window_days,
        ranges.end_date,
        sum(daily.prs_submitted) as prs_submitted,
        sum(daily.prs_merged) as prs_merged,
        sum(daily.high_risk_prs) as high_risk_prs,
        sum(daily.lines_changed) as lines_changed,
        sum(daily.features_merged) as features_merged,
        sum(daily.reviews_submitted) as reviews_submitted,
        sum(daily.review_comments) as review_comments,
        sum(daily.prs_reviewed) as prs_reviewed

    from ranges
    inner join author_metrics_daily as daily
        on daily.day between ranges.start_date and ranges.end_date
    group by daily.username, daily.repo_name, ranges.window_days, ranges.end_date

)

select
    coalesce(windows.username, days.username) as username,
    coalesce(windows.repo_name, days.repo_name) as repo_name,
    coalesce(windows.window_days, days.window_days) as window_days

from windows
full outer join days
    on
        windows.username = days.username
        and windows.repo_name = days.repo_name
        and windows.window_days = days.window_days
        and windows.end_date = days.end_date
where
    windows.prs_submitted is distinct from days.prs_submitted
    or windows.prs_merged is distinct from days.prs_merged
    or windows.high_risk_prs is distinct from days.high_risk_prs
    or windows.lines_changed is distinct from days.lines_changed
    or windows.features_merged is distinct from days.features_merged
    or windows.reviews_submitted is distinct from days.reviews_submitted
    or windows.review_comments is distinct from days.review_comments
    or windows.prs_reviewed > days.prs_reviewed
