{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key='pr_id',
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['repo_name', 'pr_number'], 'unique': true},
            {'columns': ['pr_id'], 'unique': true},
            {'columns': ['author', 'merged_at']},
            {'columns': ['created_at']},
            {'columns': ['merged_at']},
        ],
    )
}}

with

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and {{ only_changed() }}

),

openers as not materialized (

    select
        pr_id,
        author

    from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and {{ only_changed() }}

),

accounts as not materialized (

    select * from {{ ref('int_accounts_resolved') }}

),

reviews as (

    select * from {{ ref('stg_github__pull_request_reviews') }}
    where submitted_at is not null and {{ only_changed() }}

),

{# the reviews once more, for the comments: a CTE that is named twice is written to disk as a whole #}
{% for name, table in {
    'comments': 'comments', 'inline_comments': 'review_comments', 'surrounding_reviews': 'reviews', 'commits': 'commits'
}.items() -%}
{{ name }} as (

    select * from {{ ref('stg_github__pull_request_' ~ table) }}
    where {{ only_changed() }}

),

{% endfor -%}
events as (

    select * from {{ ref('stg_github__pull_request_events') }}
    where
        event_type in ('ReadyForReviewEvent', 'ConvertToDraftEvent', 'ReopenedEvent')
        and {{ only_changed() }}

),

timelines as (

    select
        pr_id,
        min(created_at) filter (where event_type = 'ReadyForReviewEvent') as first_marked_ready_at,
        min(created_at) filter (where event_type = 'ConvertToDraftEvent') as first_made_draft_at,
        count(*) filter (where event_type = 'ReopenedEvent') as reopened_count

    from events
    group by pr_id

),

{# an inline comment is seen when its review is submitted; GitHub shows the owner of a token the review that is still
   being written, too, which nobody else has seen #}
review_comments as (

    select
        inline_comments.pr_id,
        inline_comments.author_account_id,
        greatest(inline_comments.created_at, surrounding_reviews.submitted_at) as seen_at

    from inline_comments
    left join surrounding_reviews
        on
            inline_comments.pr_id = surrounding_reviews.pr_id
            and inline_comments.review_id = surrounding_reviews.review_id
    where surrounding_reviews.review_id is null or surrounding_reviews.submitted_at is not null

),

{# a response comes from a human who is not the author; all deleted accounts are one author, so ghost never answers
   ghost. Each kind is summed by itself: put together first, they would be sorted as one, which takes twice as long #}
{% set is_response = 'not accounts.is_bot and accounts.username <> openers.author' -%}

reviewers as (

    select
        reviews.pr_id,
        {{ is_response }} as is_response,
        min(reviews.submitted_at) as first_review_at,
        min(reviews.submitted_at) filter (where reviews.state = 'approved') as first_approval_at,
        count(*) as review_count,
        count(*) filter (where reviews.state = 'changes_requested') as review_rounds

    from reviews
    inner join openers
        on reviews.pr_id = openers.pr_id
    inner join accounts
        on coalesce(reviews.author_account_id, 0) = accounts.account_id
    group by reviews.pr_id, accounts.username, {{ is_response }}

),

reviewed as (

    select
        pr_id,
        min(first_review_at) filter (where is_response) as first_review_at,
        min(first_approval_at) filter (where is_response) as first_approval_at,
        sum(review_count) as review_count,
        count(*) filter (where is_response) as reviewer_count,
        sum(review_rounds) filter (where is_response) as review_rounds

    from reviewers
    group by pr_id

),

{% for kind, seen_at in {'comment': 'created_at', 'review_comment': 'seen_at'}.items() -%}
{{ kind }}ed as (

    select
        {{ kind }}s.pr_id,
        min({{ kind }}s.{{ seen_at }}) filter (where {{ is_response }}) as first_response_at,
        count(*) as {{ kind }}_count

    from {{ kind }}s
    inner join openers
        on {{ kind }}s.pr_id = openers.pr_id
    inner join accounts
        on coalesce({{ kind }}s.author_account_id, 0) = accounts.account_id
    group by {{ kind }}s.pr_id

),

{% endfor -%}
committed as (

    select
        commits.pr_id,
        count(*) as commit_count,
        count(*) filter (where commits.committed_at > reviewed.first_review_at) as rework_commit_count

    from commits
    left join reviewed
        on commits.pr_id = reviewed.pr_id
    group by commits.pr_id

),

{# GitHub has no flag for "opened as a draft": it was, if its first draft event marks it ready, or if it is a draft
   now and never had such an event #}
started as (

    select
        pull_requests.*,
        timelines.reopened_count,
        case
            when
                timelines.first_marked_ready_at < timelines.first_made_draft_at
                or (timelines.first_marked_ready_at is not null and timelines.first_made_draft_at is null)
                then timelines.first_marked_ready_at
            when timelines.first_made_draft_at is null and pull_requests.is_draft then null
            else pull_requests.created_at
        end as ready_at

    from pull_requests
    left join timelines
        on pull_requests.pr_id = timelines.pr_id

),

joined as (

    select
        started.*,
        least(
            reviewed.first_review_at, commented.first_response_at, review_commented.first_response_at
        ) as first_response_at,
        reviewed.first_review_at,
        reviewed.first_approval_at,
        reviewed.review_count,
        reviewed.reviewer_count,
        reviewed.review_rounds,
        commented.comment_count,
        review_commented.review_comment_count,
        committed.commit_count,
        committed.rework_commit_count

    from started
    left join reviewed
        on started.pr_id = reviewed.pr_id
    left join commented
        on started.pr_id = commented.pr_id
    left join review_commented
        on started.pr_id = review_commented.pr_id
    left join committed
        on started.pr_id = committed.pr_id

),

final as (

    select
        {{ surrogate_id(['pr_id']) }} as id,
        repo_name,
        pr_id,
        pr_number,
        author,
        state = 'open' as is_open,
        is_draft,
        created_at,
        ready_at,
        first_response_at,
        first_review_at,
        first_approval_at,
        merged_at,
        closed_at,
        {# reviewed while a draft: nobody waited #}
        case
            when first_review_at < ready_at then 0
            else {{ hours_between('ready_at', 'first_review_at') }}
        end as hours_to_first_review,
        {{ hours_between('first_review_at', 'merged_at') }} as hours_in_review,
        {{ hours_between('ready_at', 'merged_at') }} as cycle_hours,
        cast(coalesce(review_count, 0) as integer) as review_count,
        cast(coalesce(reviewer_count, 0) as integer) as reviewer_count,
        cast(coalesce(review_rounds, 0) as integer) as review_rounds,
        cast(coalesce(comment_count, 0) as integer) as comment_count,
        cast(coalesce(review_comment_count, 0) as integer) as review_comment_count,
        cast(coalesce(commit_count, 0) as integer) as commit_count,
        cast(coalesce(rework_commit_count, 0) as integer) as rework_commit_count,
        cast(coalesce(reopened_count, 0) as integer) as reopened_count

    from joined

)

{{ select_with_updated_at('final', key=['id']) }}
