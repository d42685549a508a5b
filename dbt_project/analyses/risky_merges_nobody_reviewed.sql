{# Which risky changes of the last 90 days went in without a review by anyone but their author? #}
with

repo_prs as (

    select * from {{ ref('repo_prs') }}

),

pull_request_lifecycle as (

    select * from {{ ref('pull_request_lifecycle') }}

),

final as (

    {# a review after the merge did not guard it, hence the comparison with merged_at #}
    select
        repo_prs.repo_name,
        repo_prs.pr_number,
        repo_prs.title,
        repo_prs.author,
        repo_prs.merged_at,
        repo_prs.risk_score,
        repo_prs.risk_reasons,
        repo_prs.top_risky_files,
        repo_prs.url
    from repo_prs
    inner join pull_request_lifecycle
        on
            repo_prs.repo_name = pull_request_lifecycle.repo_name
            and repo_prs.pr_number = pull_request_lifecycle.pr_number
    where
        repo_prs.high_risk
        and {{ happened_in_days('repo_prs.merged_at', 90) }}
        and (
            pull_request_lifecycle.first_review_at is null
            or pull_request_lifecycle.first_review_at > repo_prs.merged_at
        )
        and {{ in_repository('repo_prs') }}

)

select * from final
order by risk_score desc, merged_at desc, repo_name asc, pr_number asc
