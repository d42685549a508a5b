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

appearances as (

    select * from {{ ref('int_author_appearances') }}

),

seen as (

    select
        username,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from appearances
    group by username

),

{# an author of several accounts shows the profile of the one whose name it carries #}
profiles as (

    select *
    from accounts
    where account_id = author_account_id

),

final as (

    select
        {{ surrogate_id(['profiles.author_account_id']) }} as id,
        seen.username,
        coalesce(nullif(trim(profiles.profile_name), ''), seen.username) as display_name,
        profiles.avatar_url,
        profiles.is_bot,
        seen.first_seen_at,
        seen.last_seen_at

    from seen
    inner join profiles
        on seen.username = profiles.username

)

{{ select_with_updated_at('final', key=['id']) }}
