{{
    config(
        materialized='incremental',
        incremental_strategy='replace_snapshots',
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['repo_name', 'window_days', 'end_date', 'file_path']},
            {'columns': ['username', 'repo_name', 'window_days', 'end_date']},
            {'columns': ['end_date', 'window_days']},
        ],
    )
}}

with

windows as (

    {{ windows() }}

),

file_changes as (

    select * from {{ ref('file_changes') }}

),

touched as (

    select
        file_changes.author as username,
        file_changes.repo_name,
        windows.window_days,
        windows.start_date,
        windows.end_date,
        file_changes.file_path,
        sum(file_changes.lines_changed) as lines_owned,
        max(file_changes.merged_at) as last_touched_at

    from windows
    inner join file_changes
        on
            file_changes.merged_at >= {{ utc_midnight('windows.start_date') }}
            and file_changes.merged_at < {{ utc_midnight('windows.end_date + 1') }}
    where file_changes.lines_changed > 0
    group by
        file_changes.author,
        file_changes.repo_name,
        windows.window_days,
        windows.start_date,
        windows.end_date,
        file_changes.file_path

),

shared as (

    select
        *,
        sum(lines_owned) over (partition by repo_name, window_days, end_date, file_path) as total_lines

    from touched

),

final as (

    select
        {{ surrogate_id(['username', 'repo_name', 'window_days', 'end_date', 'file_path']) }} as id,
        username,
        repo_name,
        window_days,
        start_date,
        end_date,
        file_path,
        cast(lines_owned as integer) as lines_owned,
        cast(total_lines as integer) as total_lines,
        cast(100.0 * lines_owned / total_lines as double precision) as ownership_pct,
        last_touched_at

    from shared

)

{{ select_with_updated_at('final', key=['id']) }}
