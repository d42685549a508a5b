{# Who merged a first change in the last 90 days, and how were they received? #}
with

repo_prs as (

    select * from {{ ref('repo_prs') }}

),

{# imported again: a CTE that is read twice is computed whole #}
all_merges as (

    select * from {{ ref('repo_prs') }}
    where is_merged

),

authors as (

    select * from {{ ref('authors') }}

),

pull_request_lifecycle as (

    select * from {{ ref('pull_request_lifecycle') }}

),

merged as (

    select
        repo_prs.author,
        repo_prs.repo_name,
        repo_prs.pr_id,
        repo_prs.pr_number,
        repo_prs.title,
        repo_prs.url,
        repo_prs.merged_at
    from repo_prs
    inner join authors on repo_prs.author = authors.username
    where
        {{ happened_in_days('repo_prs.merged_at', 90) }}
        and not authors.is_bot
        and {{ in_repository('repo_prs') }}

),

merging as (

    select distinct author from merged

),

{# the first of all their merges, in whichever repository: one look into an index for each author #}
first_merges as (

    select
        (
            select all_merges.pr_id
            from all_merges
            where all_merges.author = merging.author
            order by all_merges.merged_at, all_merges.pr_id
            limit 1
        ) as pr_id
    from merging

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
    inner join first_merges on merged.pr_id = first_merges.pr_id
    inner join pull_request_lifecycle on merged.pr_id = pull_request_lifecycle.pr_id

)

select * from final
order by merged_at desc, repo_name asc, pr_number asc
