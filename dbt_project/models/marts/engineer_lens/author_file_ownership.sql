{{
    config(
        materialized='incremental',
        incremental_strategy='replace_snapshots',
        unique_key=['username', 'repo_name', 'window_days', 'end_date', 'file_path'],
        full_refresh=false,
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['repo_name', 'window_days', 'end_date', 'file_path']},
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

files as (

    select * from {{ ref('int_files_renames_followed') }}
    where
        {{ happened_in_windows('merged_at', end_dates) }}
        and {{ changed_in_snapshots('repo_name', end_dates) }}

),

touched as (

    select
        files.author as username,
        files.repo_name,
        windows.window_days,
        windows.start_date,
        windows.end_date,
        files.file_path,
        sum(files.lines_changed) as lines_owned,
        max(files.merged_at) as last_touched_at

    from windows
    inner join files
        on
            files.merged_at >= {{ utc_midnight('windows.start_date') }}
            and files.merged_at < {{ utc_midnight('windows.end_date + 1') }}
    where files.lines_changed > 0
    group by
        files.author,
        files.repo_name,
        windows.window_days,
        windows.start_date,
        windows.end_date,
        files.file_path

),

shared as (

    select
        *,
        sum(lines_owned) over (partition by repo_name, window_days, end_date, file_path) as total_lines

    from touched

),

final as (

    select
        {{ surrogate_id([
            'shared.username',
            'shared.repo_name',
            'shared.window_days',
            'shared.end_date',
            'shared.file_path',
        ]) }} as id,
        accounts.account_id,
        shared.username,
        repositories.repo_id,
        shared.repo_name,
        shared.window_days,
        shared.start_date,
        shared.end_date,
        shared.file_path,
        cast(shared.lines_owned as integer) as lines_owned,
        cast(shared.total_lines as integer) as total_lines,
        cast(100.0 * shared.lines_owned / shared.total_lines as double precision) as ownership_pct,
        shared.last_touched_at

    from shared
    inner join accounts
        on shared.username = accounts.username
    inner join repositories
        on shared.repo_name = repositories.repo_name

)

{{ select_with_updated_at('final', key=['id']) }}
