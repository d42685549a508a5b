{# What has a team merged each week of the last quarter, and is it more or less than before? #}
with

author_metrics_daily as (

    select * from {{ ref('author_metrics_daily') }}

),

authors as (

    select * from {{ ref('authors') }}

),

{# whole weeks only: the current one is unfinished and says nothing about a trend #}
weeks as (

    select cast(series.week as date) as week
    from generate_series(
        date_trunc('week', {{ days_before(91) }}),
        date_trunc('week', {{ days_before(7) }}),
        interval '7 days'
    ) as series (week)

),

weekly as (

    select
        author_metrics_daily.repo_name,
        cast(date_trunc('week', author_metrics_daily.day) as date) as week,
        count(distinct author_metrics_daily.username) filter (
            where author_metrics_daily.prs_merged > 0
        ) as contributors,
        sum(author_metrics_daily.prs_merged) as prs_merged,
        sum(author_metrics_daily.features_merged) as features_merged,
        sum(author_metrics_daily.lines_changed) as lines_changed
    from author_metrics_daily
    inner join authors on author_metrics_daily.username = authors.username
    where
        author_metrics_daily.day >= date_trunc('week', {{ days_before(91) }})
        and author_metrics_daily.day < date_trunc('week', {{ days_before(0) }})
        and not authors.is_bot
        and {{ in_repository('author_metrics_daily') }}
    group by
        author_metrics_daily.repo_name,
        cast(date_trunc('week', author_metrics_daily.day) as date)

),

repositories as (

    select distinct repo_name from weekly

),

{# a week without activity has no row in the daily table, and is a week with nothing merged #}
filled as (

    select
        repositories.repo_name,
        weeks.week,
        coalesce(weekly.contributors, 0) as contributors,
        coalesce(weekly.prs_merged, 0) as prs_merged,
        coalesce(weekly.features_merged, 0) as features_merged,
        coalesce(weekly.lines_changed, 0) as lines_changed
    from repositories
    cross join weeks
    left join weekly
        on
            repositories.repo_name = weekly.repo_name
            and weeks.week = weekly.week

),

final as (

    select
        repo_name,
        week,
        contributors,
        prs_merged,
        prs_merged - lag(prs_merged) over (
            partition by repo_name order by week
        ) as change_on_previous_week,
        case
            when row_number() over (partition by repo_name order by week) >= 4 then avg(prs_merged) over (
                partition by repo_name order by week rows between 3 preceding and current row
            )
        end as average_of_four_weeks,
        features_merged,
        lines_changed
    from filled

)

select * from final
order by repo_name asc, week desc
