select
    id as comment_id,
    node_id,
    pull_request_id as pr_id,
    repository_id as repo_id,
    author_id as author_account_id,

    author_association,
    body,
    url,

    is_minimized,

    created_at,
    updated_at,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_comments') }}
