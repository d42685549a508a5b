select
    id as thread_id,
    pull_request_id as pr_id,
    repository_id as repo_id,
    resolved_by_id as resolved_by_account_id,

    path as file_path,
    diff_side,
    subject_type,

    cast(line as integer) as line,
    cast(start_line as integer) as start_line,
    cast(original_line as integer) as original_line,
    cast(comments_total as integer) as comments_total,

    is_resolved,
    is_outdated,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_review_threads') }}
