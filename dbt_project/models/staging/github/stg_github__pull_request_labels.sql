select
    pull_request_id as pr_id,
    repository_id as repo_id,
    label_id,

    name as label_name,
    color as label_color,
    description as label_description,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_labels') }}
