{{
    config(
        materialized='incremental',
        incremental_strategy='replace_snapshots',
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['username', 'repo_name', 'window_days', 'end_date']},
            {'columns': ['end_date', 'window_days']},
        ],
    )
}}

with

windows as (

    {{ windows() }}

),

pull_requests as (

    select * from {{ ref('repo_prs') }}

),

final as (

    select
        {{ surrogate_id([
            'pull_requests.author',
            'pull_requests.repo_name',
            'windows.window_days',
            'windows.end_date',
            'pull_requests.pr_id',
        ]) }} as id,
        pull_requests.author as username,
        pull_requests.repo_name,
        windows.window_days,
        windows.start_date,
        windows.end_date,
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

    from windows
    inner join pull_requests
        on
            (
                pull_requests.created_at >= {{ utc_midnight('windows.start_date') }}
                and pull_requests.created_at < {{ utc_midnight('windows.end_date + 1') }}
            )
            or (
                pull_requests.merged_at >= {{ utc_midnight('windows.start_date') }}
                and pull_requests.merged_at < {{ utc_midnight('windows.end_date + 1') }}
            )

)

{{ select_with_updated_at('final', key=['id']) }}
