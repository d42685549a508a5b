select
    pull_request_id as pr_id,
    repository_id as repo_id,

    path as file_path,
    previous_path,
    {{ lower_ascii('change_type') }} as change_type,
    patch,
    patch_status,

    cast(additions as integer) as additions,
    cast(deletions as integer) as deletions,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_files') }}
