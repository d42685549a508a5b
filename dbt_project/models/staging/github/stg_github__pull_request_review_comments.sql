select
    id as review_comment_id,
    node_id,
    pull_request_id as pr_id,
    repository_id as repo_id,
    thread_id,
    review_id,
    reply_to_id as reply_to_review_comment_id,
    author_id as author_account_id,

    author_association,
    body,
    path as file_path,
    url,

    cast(line as integer) as line,
    cast(original_line as integer) as original_line,

    is_minimized,

    created_at,
    updated_at,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_review_comments') }}
