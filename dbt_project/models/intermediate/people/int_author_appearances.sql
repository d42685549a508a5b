{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key=['pr_id', 'username'],
        indexes=[{'columns': ['pr_id']}],
    )
}}

{% set participations = {
    'reviews': ('stg_github__pull_request_reviews', 'submitted_at'),
    'comments': ('stg_github__pull_request_comments', 'created_at'),
    'review_comments': ('stg_github__pull_request_review_comments', 'created_at'),
} -%}

with

{# imported once for each use: a CTE that is named twice is written to disk as a whole #}
opened as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and {{ only_changed() }}

),

merged as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and merged_by is not null and {{ only_changed() }}

),

discussed as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and {{ only_changed() }}

),

accounts as (

    select * from {{ ref('int_accounts_resolved') }}

),

{% for kind, (table, happened_at) in participations.items() -%}
{{ 'inline_comments' if kind == 'review_comments' else kind }} as (

    select * from {{ ref(table) }}
    where {{ happened_at }} is not null and {{ only_changed() }}

),

{% endfor -%}

{# GitHub shows the owner of a token the review that is still being written; nobody else has seen its comments #}
pending_reviews as (

    select * from {{ ref('stg_github__pull_request_reviews') }}
    where submitted_at is null and {{ only_changed() }}

),

review_comments as (

    select inline_comments.*

    from inline_comments
    left join pending_reviews
        on
            inline_comments.pr_id = pending_reviews.pr_id
            and inline_comments.review_id = pending_reviews.review_id
    where pending_reviews.review_id is null

),

{# millions of rows become as many as there are participants, before anything is joined #}
participants as (

    {% for kind, (table, happened_at) in participations.items() -%}
    select
        pr_id,
        coalesce(author_account_id, 0) as account_id,
        min({{ happened_at }}) as first_seen_at,
        max({{ happened_at }}) as last_seen_at

    from {{ kind }}
    group by pr_id, author_account_id
    {{ 'union all' if not loop.last }}

    {% endfor -%}
),

appearances as (

    select
        pr_id,
        author as username,
        created_at as first_seen_at,
        created_at as last_seen_at

    from opened

    union all

    select
        pr_id,
        merged_by as username,
        merged_at as first_seen_at,
        merged_at as last_seen_at

    from merged

    union all

    select
        participants.pr_id,
        accounts.username,
        participants.first_seen_at,
        participants.last_seen_at

    from participants
    inner join discussed
        on participants.pr_id = discussed.pr_id
    inner join accounts
        on participants.account_id = accounts.account_id

),

final as (

    select
        pr_id,
        username,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from appearances
    group by pr_id, username

)

select * from final
