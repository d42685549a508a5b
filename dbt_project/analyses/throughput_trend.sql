{# What has a team merged each week of the last quarter, and is it more or less than before? #}
with

author_metrics_daily as (

    select * from {{ ref('author_metrics_daily') }}

),

authors as (

    select * from {{ ref('authors') }}

),

recent_days as (

    select
        author_metrics_daily.*,
        cast(date_trunc('week', author_metrics_daily.day) as date) as week
    from author_metrics_daily
    where
        author_metrics_daily.day >= cast(date_trunc('week', {{ days_before(0) }}) as date) - 91
        {{ and_in_repository('author_metrics_daily') }}

),

weekly as (

    select
        recent_days.repo_name,
        recent_days.week,
        count(distinct recent_days.username) filter (where recent_days.prs_merged > 0) as contributors,
        sum(recent_days.prs_merged) as prs_merged,
        sum(recent_days.features_merged) as features_merged,
        sum(recent_days.lines_changed) as lines_changed
    from recent_days
    inner join authors on recent_days.username = authors.username
    where not authors.is_bot
    group by 1, 2

),

final as (

    {# the current week is unfinished and says nothing about the trend, so it is left out #}
    select
        repo_name,
        week,
        contributors,
        prs_merged,
        prs_merged - lag(prs_merged) over (partition by repo_name order by week) as change_on_previous_week,
        avg(prs_merged) over (
            partition by repo_name order by week rows between 3 preceding and current row
        ) as average_of_four_weeks,
        features_merged,
        lines_changed
    from weekly
    where week < cast(date_trunc('week', {{ days_before(0) }}) as date)

)

select * from final
order by repo_name, week desc
