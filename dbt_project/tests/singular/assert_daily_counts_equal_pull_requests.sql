{# summed over authors and days, the daily marts hold as many pull requests opened and merged, and as many lines, as
   repo_prs #}
with

daily as (

    select
        repo_name,
        sum(prs_submitted) as prs_submitted,
        sum(prs_merged) as prs_merged,
        sum(lines_changed) as lines_changed,
        sum(high_risk_prs) as high_risk_prs,
        sum(features_merged) as features_merged

    from {{ ref('author_metrics_daily') }}
    group by repo_name

),

pull_requests as (

    select
        repo_name,
        count(*) as prs_submitted,
        count(*) filter (where is_merged) as prs_merged,
        coalesce(sum(additions + deletions) filter (where is_merged), 0) as lines_changed,
        count(*) filter (where is_merged and high_risk) as high_risk_prs,
        count(*) filter (where is_merged and is_feature) as features_merged

    from {{ ref('repo_prs') }}
    group by repo_name

)

select
    coalesce(daily.repo_name, pull_requests.repo_name) as repo_name,
    daily.prs_submitted,
    pull_requests.prs_submitted as prs_opened,
    daily.prs_merged,
    daily.lines_changed

from daily
full outer join pull_requests
    on daily.repo_name = pull_requests.repo_name
where
    daily.prs_submitted is distinct from pull_requests.prs_submitted
    or daily.prs_merged is distinct from pull_requests.prs_merged
    or daily.lines_changed is distinct from pull_requests.lines_changed
    or daily.high_risk_prs is distinct from pull_requests.high_risk_prs
    or daily.features_merged is distinct from pull_requests.features_merged
