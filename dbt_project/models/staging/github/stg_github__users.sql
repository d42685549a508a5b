select
    id as account_id,
    node_id,

    login,
    type as account_type,
    name as profile_name,
    avatar_url,
    url,

    deleted_at,

    _dlt_load_id as load_id

from {{ source('raw_github', 'users') }}
