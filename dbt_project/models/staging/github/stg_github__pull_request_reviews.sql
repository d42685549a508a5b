select
    id as review_id,
    node_id,
    pull_request_id as pr_id,
    repository_id as repo_id,
    author_id as author_account_id,

    author_association,
    {{ lower_ascii('state') }} as state,
    body,
    commit_oid,
    url,

    created_at,
    submitted_at,
    updated_at,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_reviews') }}
