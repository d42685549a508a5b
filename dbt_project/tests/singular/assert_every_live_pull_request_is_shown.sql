{# a pull request that GitHub has is in both marts of pull requests; one that it no longer has is in neither #}
with

repo_prs as (

    select * from {{ ref('repo_prs') }}

),

lifecycles as (

    select * from {{ ref('pull_request_lifecycle') }}

),

live as (

    select pr_id
    from {{ ref('stg_github__pull_requests') }}
    where deleted_at is null

),

shown as (

    select
        coalesce(repo_prs.pr_id, lifecycles.pr_id) as pr_id,
        repo_prs.pr_id is not null as is_in_repo_prs,
        lifecycles.pr_id is not null as is_in_lifecycle

    from repo_prs
    full outer join lifecycles
        on repo_prs.pr_id = lifecycles.pr_id

)

select
    coalesce(live.pr_id, shown.pr_id) as pr_id,
    live.pr_id is not null as is_live,
    shown.is_in_repo_prs,
    shown.is_in_lifecycle

from live
full outer join shown
    on live.pr_id = shown.pr_id
where
    live.pr_id is null
    or shown.pr_id is null
    or not shown.is_in_repo_prs
    or not shown.is_in_lifecycle
