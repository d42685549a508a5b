{# no view: it would be dropped with the tables it reads whenever these are built anew, and a build of only some models
   would not make it again #}
{{ config(materialized='ephemeral') }}

with

files as (

    select * from {{ ref('int_files_risk_scored') }}

),

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where merged_at is not null and not is_deleted

),

renames as (

    select * from {{ ref('int_file_renames_resolved') }}

),

final as (

    select
        files.pr_id,
        pull_requests.repo_name,
        pull_requests.author,
        pull_requests.merged_at,
        coalesce(renames.current_path, files.file_path) as file_path,
        files.lines_changed

    from files
    inner join pull_requests
        on files.pr_id = pull_requests.pr_id
    left join renames
        on
            pull_requests.repo_id = renames.repo_id
            and files.file_path = renames.previous_path
            and pull_requests.merged_at > renames.renamed_after
            and pull_requests.merged_at <= renames.renamed_at

)

select * from final
