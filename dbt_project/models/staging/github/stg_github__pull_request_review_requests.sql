select
    id as review_request_id,
    pull_request_id as pr_id,
    repository_id as repo_id,
    reviewer_user_id as reviewer_account_id,

    reviewer_type,
    reviewer_team,

    is_code_owner,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_review_requests') }}
