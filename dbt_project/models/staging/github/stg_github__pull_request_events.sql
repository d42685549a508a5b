select
    id as event_id,
    pull_request_id as pr_id,
    repository_id as repo_id,
    actor_id as actor_account_id,
    requested_user_id as requested_account_id,

    type as event_type,
    requested_team,
    before_oid,
    after_oid,
    previous_title,
    current_title,

    created_at,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_events') }}
