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

{% set participations = {
    'reviews': ('stg_github__pull_request_reviews', 'submitted_at'),
    'comments': ('stg_github__pull_request_comments', 'created_at'),
    'review_comments': ('stg_github__pull_request_review_comments', 'created_at'),
} -%}

{% for kind, (table, happened_at) in participations.items() -%}
{{ kind }} as (

    select * from {{ ref(table) }}
    where {{ happened_at }} is not null

),

{% endfor -%}

{# imported once for each use: a CTE that is named twice is computed as a whole #}
opened_pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted

),

merged_pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and merged_by is not null

),

deleted_pull_requests as (

    select pr_id
    from {{ ref('int_pull_requests_tracked') }}
    where is_deleted

),

{# by account first: millions of rows become as many as there are accounts, before anything is joined #}
participants as (

    {% for kind, (table, happened_at) in participations.items() -%}
    select
        coalesce({{ kind }}.author_account_id, 0) as account_id,
        min({{ kind }}.{{ happened_at }}) as first_seen_at,
        max({{ kind }}.{{ happened_at }}) as last_seen_at

    from {{ kind }}
    left join deleted_pull_requests
        on {{ kind }}.pr_id = deleted_pull_requests.pr_id
    where deleted_pull_requests.pr_id is null
    group by {{ kind }}.author_account_id
    {{ 'union all' if not loop.last }}

    {% endfor -%}
),

appearances as (

    select
        author as username,
        min(created_at) as first_seen_at,
        max(created_at) as last_seen_at

    from opened_pull_requests
    group by author

    union all

    select
        merged_by as username,
        min(merged_at) as first_seen_at,
        max(merged_at) as last_seen_at

    from merged_pull_requests
    group by merged_by

    union all

    select
        accounts.username,
        participants.first_seen_at,
        participants.last_seen_at

    from participants
    inner join accounts
        on participants.account_id = accounts.account_id

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
