select
    id as repo_id,
    node_id,

    name_with_owner as repo_name,
    owner_login,
    name,
    description,
    url,
    primary_language,
    default_branch,

    cast(pull_requests_total as integer) as pull_requests_total,

    is_private,
    is_archived,
    is_fork,

    created_at,
    updated_at,
    pushed_at,
    unreadable_at,

    _dlt_load_id as load_id

from {{ source('raw_github', 'repositories') }}
