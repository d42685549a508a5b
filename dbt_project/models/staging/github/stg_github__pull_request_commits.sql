select
    pull_request_id as pr_id,
    repository_id as repo_id,
    author_user_id as author_account_id,
    committer_user_id as committer_account_id,

    oid as commit_oid,
    message,
    author_name,
    author_email_hash,
    author_email,
    committer_name,
    committer_email_hash,
    committer_email,

    cast(position as integer) as position,
    cast(parents_count as integer) as parent_count,

    authored_at,
    committed_at,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_commits') }}
