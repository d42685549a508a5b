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

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}

),

{# no alias on a ref: with --empty dbt puts a subquery there, which has one already #}
participations as (

    select
        pr_id,
        author_account_id,
        submitted_at as happened_at

    from {{ ref('stg_github__pull_request_reviews') }}

    union all

    select
        pr_id,
        author_account_id,
        created_at as happened_at

    from {{ ref('stg_github__pull_request_comments') }}

    union all

    select
        pr_id,
        author_account_id,
        created_at as happened_at

    from {{ ref('stg_github__pull_request_review_comments') }}

),

deleted_pull_requests as (

    select pr_id
    from pull_requests
    where is_deleted

),

appearances as (

    select
        author as username,
        min(created_at) as first_seen_at,
        max(created_at) as last_seen_at

    from pull_requests
    where not is_deleted
    group by author

    union all

    select
        merged_by as username,
        min(merged_at) as first_seen_at,
        max(merged_at) as last_seen_at

    from pull_requests
    where not is_deleted and merged_by is not null
    group by merged_by

    union all

    select
        accounts.username,
        min(participations.happened_at) as first_seen_at,
        max(participations.happened_at) as last_seen_at

    from participations
    inner join accounts
        on coalesce(participations.author_account_id, 0) = accounts.account_id
    left join deleted_pull_requests
        on participations.pr_id = deleted_pull_requests.pr_id
    where deleted_pull_requests.pr_id is null and participations.happened_at is not null
    group by accounts.username

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
