{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key=['pr_id', 'file_path'],
        indexes=[{'columns': ['pr_id']}],
    )
}}

{# few of the changes of files are renames, and all of them are read in every build #}
with

files as (

    select * from {{ ref('int_files_risk_scored') }}
    where previous_path is not null and status = 'renamed' and {{ only_changed() }}

),

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where merged_at is not null and not is_deleted and {{ only_changed() }}

),

final as (

    select
        files.pr_id,
        pull_requests.repo_id,
        pull_requests.merged_at,
        files.previous_path,
        files.file_path

    from files
    inner join pull_requests
        on files.pr_id = pull_requests.pr_id

)

select * from final
