select
    pull_request_id as pr_id,
    repository_id as repo_id,
    issue_id,

    issue_repository,
    issue_title,
    {{ lower_ascii('issue_state') }} as issue_state,
    issue_url,

    cast(issue_number as integer) as issue_number,

    _dlt_load_id as load_id

from {{ source('raw_github', 'pull_request_closing_issues') }}
