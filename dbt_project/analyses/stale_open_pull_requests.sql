{# Which pull requests wait, and for whom? Open, not drafts, ready for more than two weeks. #}
with

pull_request_lifecycle as (

    select * from {{ ref('pull_request_lifecycle') }}

),

repo_prs as (

    select * from {{ ref('repo_prs') }}

),

waiting as (

    select *
    from pull_request_lifecycle
    where
        (is_open or closed_at >= {{ start_of_day(days_ago=-1) }})
        and not is_draft
        and ready_at < {{ start_of_day(days_ago=14) }}
        and {{ in_repository('pull_request_lifecycle') }}

),

final as (

    select
        repo_prs.repo_name,
        repo_prs.pr_number,
        repo_prs.title,
        repo_prs.author,
        extract(epoch from {{ start_of_day() }} - waiting.ready_at) / 86400 as days_ready,
        case
            when waiting.first_approval_at < {{ start_of_day(days_ago=-1) }} then 'a merge'
            when waiting.first_review_at < {{ start_of_day(days_ago=-1) }} then 'the author or the reviewer'
            else 'a reviewer'
        end as waits_for,
        repo_prs.risk_band,
        repo_prs.url
    from waiting
    inner join repo_prs
        on
            waiting.repo_name = repo_prs.repo_name
            and waiting.pr_number = repo_prs.pr_number
    order by days_ready desc, repo_prs.repo_name asc, repo_prs.pr_number asc
    limit 100

)

select * from final
order by days_ready desc, repo_name asc, pr_number asc
