{{
    config(
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['username'], 'unique': true},
        ],
    )
}}

with

accounts as (

    select * from {{ ref('int_accounts_resolved') }}

),

seen as (

    select * from {{ ref('int_authors_seen') }}

),

{# an author of several accounts shows the profile of the one whose name it carries #}
profiles as (

    select *
    from accounts
    where account_id = author_account_id

),

unseen as (

    select profiles.username
    from profiles
    left join seen
        on profiles.username = seen.username
    where seen.username is null

),

{# imported once for each use: a CTE that is named twice is computed as a whole, past every index #}
first_windows as (

    select * from {{ ref('author_metrics_window') }}

),

last_windows as (

    select * from {{ ref('author_metrics_window') }}

),

{# whoever only wrote what was deleted since stays in the snapshots that counted it. The first of it was done by the
   earliest end, the last of it since the latest start #}
bounded as (

    select
        username,
        (
            select min(first_windows.end_date)
            from first_windows
            where first_windows.username = unseen.username
        ) as earliest_end,
        (
            select max(last_windows.start_date)
            from last_windows
            where last_windows.username = unseen.username
        ) as latest_start

    from unseen

),

seen_or_remembered as (

    select
        username,
        first_seen_at,
        last_seen_at

    from seen

    union all

    select
        username,
        {{ utc_midnight('least(earliest_end, latest_start)') }} as first_seen_at,
        {{ utc_midnight('greatest(earliest_end, latest_start)') }} as last_seen_at

    from bounded
    where earliest_end is not null

),

final as (

    select
        {{ surrogate_id(['profiles.author_account_id']) }} as id,
        seen_or_remembered.username,
        coalesce(nullif(trim(profiles.profile_name), ''), seen_or_remembered.username) as display_name,
        profiles.avatar_url,
        profiles.is_bot,
        seen_or_remembered.first_seen_at,
        seen_or_remembered.last_seen_at

    from seen_or_remembered
    inner join profiles
        on seen_or_remembered.username = profiles.username

)

{{ select_with_updated_at('final', key=['id']) }}
