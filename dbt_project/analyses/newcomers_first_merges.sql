{# Who merged a first change in the last 90 days, and how were they received? #}
with

repo_prs as (

    select * from {{ ref('repo_prs') }}

),

authors as (

    select * from {{ ref('authors') }}

),

pull_request_lifecycle as (

    select * from {{ ref('pull_request_lifecycle') }}

),

newcomers as (

    {# first_seen_at bounds the search: who was not here earlier cannot have merged earlier #}
    select username
    from authors
    where
        not is_bot
        and first_seen_at >= {{ start_of_day(days_ago=179) }}

),

merged as (

    select
        repo_prs.author,
        repo_prs.repo_name,
        repo_prs.pr_number,
        repo_prs.title,
        repo_prs.url,
        repo_prs.merged_at,
        row_number() over (
            partition by repo_prs.author order by repo_prs.merged_at, repo_prs.pr_id
        ) as place
    from repo_prs
    inner join newcomers on repo_prs.author = newcomers.username
    where repo_prs.is_merged

),

final as (

    select
        merged.author,
        merged.repo_name,
        merged.pr_number,
        merged.title,
        merged.merged_at,
        pull_request_lifecycle.hours_to_first_review,
        pull_request_lifecycle.review_rounds,
        pull_request_lifecycle.cycle_hours,
        merged.url
    from merged
    inner join pull_request_lifecycle
        on
            merged.repo_name = pull_request_lifecycle.repo_name
            and merged.pr_number = pull_request_lifecycle.pr_number
    where
        merged.place = 1
        and merged.merged_at >= {{ start_of_day(days_ago=89) }}
        and {{ in_repository('merged') }}

)

select * from final
order by merged_at desc
