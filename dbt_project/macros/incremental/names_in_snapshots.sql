{% macro names_in_snapshots(other_than) %}
    {#- who and what the snapshots of this table, those of some end dates apart, are about: by the names they carry and by
        those of today -#}
    select distinct
        snapshots.end_date,
        snapshots.account_id,
        snapshots.repo_id,
        snapshots.username,
        snapshots.repo_name,
        accounts.author_account_id as current_account_id,
        accounts.username as current_username,
        repositories.repo_name as current_repo_name
    from {{ this }} as snapshots
    inner join (select * from {{ ref('int_accounts_resolved') }}) as accounts
        on snapshots.account_id = accounts.account_id
    inner join (select * from {{ ref('int_repositories_named') }}) as repositories
        on snapshots.repo_id = repositories.repo_id
    where snapshots.end_date not in ('{{ other_than | join("', '") }}')
{%- endmacro %}
