{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key=['pr_id', 'file_path'],
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['pr_id']},
            {'columns': ['repo_name', 'file_path']},
            {'columns': ['merged_at']},
        ],
    )
}}

with

files as (

    select * from {{ ref('int_files_risk_scored') }}
    where {{ only_changed() }}

),

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and {{ only_changed() }}

),

final as (

    select
        {{ surrogate_id(['files.pr_id', 'files.file_path']) }} as id,
        pull_requests.repo_name,
        files.pr_id,
        pull_requests.pr_number,
        files.file_path,
        files.previous_path,
        pull_requests.author,
        files.language,
        files.status,
        files.additions,
        files.deletions,
        files.lines_changed,
        files.risk,
        files.is_test,
        files.is_documentation,
        pull_requests.created_at,
        pull_requests.merged_at

    from files
    inner join pull_requests
        on files.pr_id = pull_requests.pr_id

)

{{ select_with_updated_at('final', key=['id']) }}
