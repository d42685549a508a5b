select
    pull_request_id as pr_id,
    repository_id as repo_id,
    user_id as account_id,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_assignees') }}
