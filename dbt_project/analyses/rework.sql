{# How much is done again after the first review, by size? Merges of the last 90 days. #}
with

pull_request_lifecycle as (

    select * from {{ ref('pull_request_lifecycle') }}

),

repo_prs as (

    select * from {{ ref('repo_prs') }}

),

merged as (

    select
        repo_prs.repo_name,
        case
            when repo_prs.additions + repo_prs.deletions <= 100 then 'small'
            when repo_prs.additions + repo_prs.deletions <= 1000 then 'medium'
            else 'large'
        end as size,
        pull_request_lifecycle.commit_count,
        pull_request_lifecycle.rework_commit_count,
        pull_request_lifecycle.review_rounds,
        pull_request_lifecycle.cycle_hours
    from repo_prs
    inner join pull_request_lifecycle
        on
            repo_prs.repo_name = pull_request_lifecycle.repo_name
            and repo_prs.pr_number = pull_request_lifecycle.pr_number
    where
        {{ happened_in_days('repo_prs.merged_at', 90) }}
        and pull_request_lifecycle.first_review_at <= repo_prs.merged_at
        and {{ in_repository('repo_prs') }}

),

final as (

    select
        repo_name,
        size,
        count(*) as prs_merged,
        100.0 * count(*) filter (where rework_commit_count > 0) / count(*) as reworked_pct,
        100.0 * sum(rework_commit_count) / nullif(sum(commit_count), 0) as rework_commits_pct,
        avg(review_rounds) as average_review_rounds,
        percentile_cont(0.5) within group (order by cycle_hours) as median_cycle_hours
    from merged
    group by repo_name, size

)

select * from final
order by repo_name asc, prs_merged desc
