{{
    config(
        materialized='incremental',
        incremental_strategy='replace_snapshots',
        unique_key=['username', 'repo_name', 'window_days', 'end_date'],
        full_refresh=false,
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['username', 'repo_name', 'window_days', 'end_date'], 'unique': true},
            {'columns': ['end_date', 'window_days']},
            {'columns': ['repo_name', 'window_days', 'end_date']},
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

daily as (

    select * from {{ ref('author_metrics_daily') }}
    where
        day between {{ days_of_windows(end_dates) | join(' and ') }}
        and {{ changed_in_snapshots('repo_name', end_dates) }}

),

activities as (

    select * from {{ ref('int_author_activities') }}
    where
        reviews_submitted > 0
        and day between {{ days_of_windows(end_dates) | join(' and ') }}
        and {{ changed_in_snapshots('repo_name', end_dates) }}

),

pull_requests as (

    select * from {{ ref('repo_prs') }}
    where
        {{ happened_in_windows('merged_at', end_dates) }}
        and {{ changed_in_snapshots('repo_name', end_dates) }}

),

files as (

    select * from {{ ref('int_files_renames_followed') }}
    where
        {{ happened_in_windows('merged_at', end_dates) }}
        and {{ changed_in_snapshots('repo_name', end_dates) }}

),

summed as (

    select
        daily.username,
        daily.repo_name,
        windows.window_days,
        windows.start_date,
        windows.end_date,
        sum(daily.prs_submitted) as prs_submitted,
        sum(daily.prs_merged) as prs_merged,
        sum(daily.high_risk_prs) as high_risk_prs,
        sum(daily.lines_changed) as lines_changed,
        sum(daily.features_merged) as features_merged,
        sum(daily.reviews_submitted) as reviews_submitted,
        sum(daily.review_comments) as review_comments

    from windows
    inner join daily
        on daily.day between windows.start_date and windows.end_date
    group by daily.username, daily.repo_name, windows.window_days, windows.start_date, windows.end_date

),

{# a pull request reviewed on several days counts once #}
reviewed as (

    select
        activities.username,
        activities.repo_name,
        windows.window_days,
        windows.end_date,
        count(distinct activities.pr_id) as prs_reviewed

    from windows
    inner join activities
        on activities.day between windows.start_date and windows.end_date
    group by activities.username, activities.repo_name, windows.window_days, windows.end_date

),

{# shares are summed here, as in author_file_ownership, and not read from it: a build of this model alone would find no
   end date of its own there. What each author has of a file, and what all have, stands beside every change of it #}
changes_of_files as (

    select
        files.pr_id,
        files.author as username,
        files.repo_name,
        windows.window_days,
        windows.end_date,
        files.lines_changed,
        sum(files.lines_changed) over (
            partition by files.repo_name, windows.window_days, windows.end_date, files.file_path, files.author
        ) as lines_owned,
        sum(files.lines_changed) over (
            partition by files.repo_name, windows.window_days, windows.end_date, files.file_path
        ) as total_lines

    from windows
    inner join files
        on
            files.merged_at >= {{ utc_midnight('windows.start_date') }}
            and files.merged_at < {{ utc_midnight('windows.end_date + 1') }}
    where files.lines_changed > 0

),

low_risk_merges as (

    select
        changes_of_files.pr_id,
        changes_of_files.username,
        changes_of_files.repo_name,
        changes_of_files.window_days,
        changes_of_files.end_date,
        sum(changes_of_files.lines_changed) as lines_changed,
        sum(changes_of_files.lines_changed) filter (
            where 2 * changes_of_files.lines_owned >= changes_of_files.total_lines
        ) as lines_in_own_files

    from changes_of_files
    inner join pull_requests
        on changes_of_files.pr_id = pull_requests.pr_id
    where pull_requests.risk_score < 4
    group by
        changes_of_files.pr_id,
        changes_of_files.username,
        changes_of_files.repo_name,
        changes_of_files.window_days,
        changes_of_files.end_date

),

owned as (

    select
        username,
        repo_name,
        window_days,
        end_date,
        count(*) as ownership_low_risk_prs

    from low_risk_merges
    where 2 * lines_in_own_files >= lines_changed
    group by username, repo_name, window_days, end_date

),

final as (

    select
        {{ surrogate_id(['summed.username', 'summed.repo_name', 'summed.window_days', 'summed.end_date']) }} as id,
        accounts.account_id,
        summed.username,
        repositories.repo_id,
        summed.repo_name,
        summed.window_days,
        summed.start_date,
        summed.end_date,
        cast(summed.prs_submitted as integer) as prs_submitted,
        cast(summed.prs_merged as integer) as prs_merged,
        cast(summed.high_risk_prs as integer) as high_risk_prs,
        cast(
            coalesce(100.0 * summed.high_risk_prs / nullif(summed.prs_merged, 0), 0) as double precision
        ) as high_risk_rate,
        cast(summed.lines_changed as integer) as lines_changed,
        cast(summed.features_merged as integer) as features_merged,
        cast(coalesce(owned.ownership_low_risk_prs, 0) as integer) as ownership_low_risk_prs,
        cast(summed.reviews_submitted as integer) as reviews_submitted,
        cast(coalesce(reviewed.prs_reviewed, 0) as integer) as prs_reviewed,
        cast(summed.review_comments as integer) as review_comments

    from summed
    inner join accounts
        on summed.username = accounts.username
    inner join repositories
        on summed.repo_name = repositories.repo_name
    left join reviewed
        on
            summed.username = reviewed.username
            and summed.repo_name = reviewed.repo_name
            and summed.window_days = reviewed.window_days
            and summed.end_date = reviewed.end_date
    left join owned
        on
            summed.username = owned.username
            and summed.repo_name = owned.repo_name
            and summed.window_days = owned.window_days
            and summed.end_date = owned.end_date

)

{{ select_with_updated_at('final', key=['id']) }}
