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

accounts as (

    select * from {{ ref('int_accounts_resolved') }}

),

reviews as (

    select * from {{ ref('stg_github__pull_request_reviews') }}
    where submitted_at is not null and {{ only_changed() }}

),

comments as (

    select * from {{ ref('stg_github__pull_request_comments') }}
    where {{ only_changed() }}

),

review_comments as (

    select * from {{ ref('stg_github__pull_request_review_comments') }}
    where {{ only_changed() }}

),

commits as (

    select * from {{ ref('stg_github__pull_request_commits') }}
    where {{ only_changed() }}

),

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

{# a response comes from a human who is not the author; all deleted accounts are one author, so ghost never answers
   ghost #}
responders as (

    select
        reviews.pr_id,
        'review' as kind,
        reviews.state,
        reviews.submitted_at as happened_at,
        reviews.author_account_id

    from reviews

    union all

    select
        comments.pr_id,
        'comment' as kind,
        null as state,
        comments.created_at as happened_at,
        comments.author_account_id

    from comments

    union all

    select
        review_comments.pr_id,
        'review comment' as kind,
        null as state,
        review_comments.created_at as happened_at,
        review_comments.author_account_id

    from review_comments

),

reactions as (

    select
        responders.pr_id,
        responders.kind,
        responders.state,
        responders.happened_at,
        accounts.username,
        not accounts.is_bot and accounts.username <> pull_requests.author as is_response

    from responders
    inner join pull_requests
        on responders.pr_id = pull_requests.pr_id
    inner join accounts
        on coalesce(responders.author_account_id, 0) = accounts.account_id

),

discussed as (

    select
        pr_id,
        min(happened_at) filter (where is_response) as first_response_at,
        min(happened_at) filter (where is_response and kind = 'review') as first_review_at,
        min(happened_at) filter (
            where is_response and kind = 'review' and state = 'approved'
        ) as first_approval_at,
        count(*) filter (where kind = 'review') as review_count,
        count(distinct username) filter (where is_response and kind = 'review') as reviewer_count,
        count(*) filter (
            where is_response and kind = 'review' and state = 'changes_requested'
        ) as review_rounds,
        count(*) filter (where kind = 'comment') as comment_count,
        count(*) filter (where kind = 'review comment') as review_comment_count

    from reactions
    group by pr_id

),

committed as (

    select
        commits.pr_id,
        count(*) as commit_count,
        count(*) filter (where commits.committed_at > discussed.first_review_at) as rework_commit_count

    from commits
    left join discussed
        on commits.pr_id = discussed.pr_id
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
        discussed.first_response_at,
        discussed.first_review_at,
        discussed.first_approval_at,
        discussed.review_count,
        discussed.reviewer_count,
        discussed.review_rounds,
        discussed.comment_count,
        discussed.review_comment_count,
        committed.commit_count,
        committed.rework_commit_count

    from started
    left join discussed
        on started.pr_id = discussed.pr_id
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
