{{
    config(
        materialized='incremental',
        incremental_strategy='replace_snapshots',
        unique_key=['username', 'repo_name', 'window_days', 'end_date', 'pr_id'],
        full_refresh=false,
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['username', 'repo_name', 'window_days', 'end_date']},
            {'columns': ['end_date', 'window_days']},
        ],
    )
}}

{% set end_dates = snapshot_dates() %}

with

windows as (

    {{ windows(end_dates) }}

),

accounts as (

    select distinct
        username,
        author_account_id as account_id

    from {{ ref('int_accounts_resolved') }}

),

repositories as (

    select * from {{ ref('int_repositories_named') }}

),

{# imported once for each use: a CTE that is named twice is computed as a whole, past every index #}
pull_requests as (

    select * from {{ ref('repo_prs') }}

),

created as (

    select
        pr_id,
        created_at

    from {{ ref('repo_prs') }}
    where
        {{ happened_in_windows('created_at', end_dates) }}
        and {{ changed_in_snapshots('pr_id', end_dates) }}

),

merged as (

    select
        pr_id,
        merged_at

    from {{ ref('repo_prs') }}
    where
        {{ happened_in_windows('merged_at', end_dates) }}
        and {{ changed_in_snapshots('pr_id', end_dates) }}

),

{# one range a time, each through its index; joined by either at once, every pull request is compared with every
   window #}
in_window as (

    select
        windows.window_days,
        windows.start_date,
        windows.end_date,
        created.pr_id

    from windows
    inner join created
        on
            created.created_at >= {{ utc_midnight('windows.start_date') }}
            and created.created_at < {{ utc_midnight('windows.end_date + 1') }}

    union distinct

    select
        windows.window_days,
        windows.start_date,
        windows.end_date,
        merged.pr_id

    from windows
    inner join merged
        on
            merged.merged_at >= {{ utc_midnight('windows.start_date') }}
            and merged.merged_at < {{ utc_midnight('windows.end_date + 1') }}

),

final as (

    select
        {{ surrogate_id([
            'pull_requests.author',
            'pull_requests.repo_name',
            'in_window.window_days',
            'in_window.end_date',
            'pull_requests.pr_id',
        ]) }} as id,
        accounts.account_id,
        pull_requests.author as username,
        repositories.repo_id,
        pull_requests.repo_name,
        in_window.window_days,
        in_window.start_date,
        in_window.end_date,
        pull_requests.pr_id,
        pull_requests.pr_number,
        pull_requests.title,
        pull_requests.pr_summary,
        pull_requests.risk_score,
        pull_requests.high_risk,
        pull_requests.feature_rule,
        pull_requests.feature_confidence,
        pull_requests.is_merged,
        pull_requests.merged_at,
        pull_requests.created_at

    from in_window
    inner join pull_requests
        on in_window.pr_id = pull_requests.pr_id
    inner join accounts
        on pull_requests.author = accounts.username
    inner join repositories
        on pull_requests.repo_name = repositories.repo_name

)

{{ select_with_updated_at('final', key=['id']) }}
