{# How long do authors wait for a first review, by percentile, each month of half a year? #}
with

pull_request_lifecycle as (

    select * from {{ ref('pull_request_lifecycle') }}

),

authors as (

    select * from {{ ref('authors') }}

),

ready as (

    select
        pull_request_lifecycle.repo_name,
        cast(date_trunc('month', pull_request_lifecycle.ready_at at time zone 'UTC') as date) as month,
        case
            when pull_request_lifecycle.first_review_at < {{ start_of_day(days_ago=-1) }}
                then pull_request_lifecycle.hours_to_first_review
        end as hours_to_first_review
    from pull_request_lifecycle
    inner join authors on pull_request_lifecycle.author = authors.username
    where
        {{ happened_in_days('pull_request_lifecycle.ready_at', 182) }}
        and not authors.is_bot
        and {{ in_repository('pull_request_lifecycle') }}

),

final as (

    {# those without a review have no wait yet: they are counted beside, not as zero #}
    select
        repo_name,
        month,
        count(hours_to_first_review) as reviewed,
        count(*) - count(hours_to_first_review) as never_reviewed,
        percentile_cont(0.5) within group (order by hours_to_first_review) as median_hours,
        percentile_cont(0.75) within group (order by hours_to_first_review) as p75_hours,
        percentile_cont(0.9) within group (order by hours_to_first_review) as p90_hours
    from ready
    group by repo_name, month

)

select * from final
order by repo_name asc, month desc
