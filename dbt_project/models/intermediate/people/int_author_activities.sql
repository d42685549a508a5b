{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key=['pr_id', 'username', 'repo_name', 'day'],
        indexes=[{'columns': ['pr_id']}, {'columns': ['changed_at']}, {'columns': ['day', 'repo_name']}],
    )
}}

{% set measures = [
    'prs_submitted',
    'prs_merged',
    'lines_changed',
    'high_risk_prs',
    'features_merged',
    'reviews_submitted',
    'review_comments',
] %}

with

{# of a deleted pull request the days are kept, so that the snapshots that counted it are found, and nothing that was
   done. Imported once for each use: a CTE that is named twice is written to disk as a whole #}
opened as (

    select
        *,
        case when is_deleted then 0 else 1 end as counted

    from {{ ref('int_pull_requests_tracked') }}
    where {{ only_changed() }}

),

merged as (

    select
        *,
        case when is_deleted then 0 else 1 end as counted

    from {{ ref('int_pull_requests_tracked') }}
    where merged_at is not null and {{ only_changed() }}

),

discussed as (

    select
        *,
        case when is_deleted then 0 else 1 end as counted

    from {{ ref('int_pull_requests_tracked') }}
    where {{ only_changed() }}

),

accounts as (

    select * from {{ ref('int_accounts_resolved') }}

),

risks as (

    select * from {{ ref('int_pull_requests_risk_scored') }}
    where {{ only_changed() }}

),

features as (

    select * from {{ ref('int_pull_requests_feature_classified') }}
    where {{ only_changed() }}

),

reviews as (

    select * from {{ ref('stg_github__pull_request_reviews') }}
    where submitted_at is not null and {{ only_changed() }}

),

{# GitHub shows the owner of a token the review that is still being written; nobody else has seen its comments #}
pending_reviews as (

    select * from {{ ref('stg_github__pull_request_reviews') }}
    where submitted_at is null and {{ only_changed() }}

),

review_comments as (

    select * from {{ ref('stg_github__pull_request_review_comments') }}
    where {{ only_changed() }}

),

responses as (

    select
        pr_id,
        author_account_id,
        {{ utc_day('submitted_at') }} as day,
        1 as reviews_submitted,
        0 as review_comments

    from reviews

    union all

    select
        review_comments.pr_id,
        review_comments.author_account_id,
        {{ utc_day('review_comments.created_at') }} as day,
        0 as reviews_submitted,
        1 as review_comments

    from review_comments
    left join pending_reviews
        on
            review_comments.pr_id = pending_reviews.pr_id
            and review_comments.review_id = pending_reviews.review_id
    where pending_reviews.review_id is null

),

happenings as (

    select
        pr_id,
        author as username,
        repo_name,
        {{ utc_day('created_at') }} as day,
        counted as prs_submitted,
        0 as prs_merged,
        0 as lines_changed,
        0 as high_risk_prs,
        0 as features_merged,
        0 as reviews_submitted,
        0 as review_comments

    from opened

    union all

    select
        merged.pr_id,
        merged.author as username,
        merged.repo_name,
        {{ utc_day('merged.merged_at') }} as day,
        0 as prs_submitted,
        merged.counted as prs_merged,
        merged.counted * (merged.additions + merged.deletions) as lines_changed,
        case when risks.high_risk then merged.counted else 0 end as high_risk_prs,
        case when features.is_feature then merged.counted else 0 end as features_merged,
        0 as reviews_submitted,
        0 as review_comments

    from merged
    left join risks
        on merged.pr_id = risks.pr_id
    left join features
        on merged.pr_id = features.pr_id

    union all

    select
        discussed.pr_id,
        accounts.username,
        discussed.repo_name,
        responses.day,
        0 as prs_submitted,
        0 as prs_merged,
        0 as lines_changed,
        0 as high_risk_prs,
        0 as features_merged,
        discussed.counted * responses.reviews_submitted as reviews_submitted,
        discussed.counted * responses.review_comments as review_comments

    from responses
    inner join discussed
        on responses.pr_id = discussed.pr_id
    inner join accounts
        on coalesce(responses.author_account_id, 0) = accounts.account_id
    where accounts.username <> discussed.author

),

{% if is_incremental() %}
{# a day that lost its activity stays with nothing on it, so that its sum is made again #}
withdrawn as (

    select
        pr_id,
        username,
        repo_name,
        day,
        0 as prs_submitted,
        0 as prs_merged,
        0 as lines_changed,
        0 as high_risk_prs,
        0 as features_merged,
        0 as reviews_submitted,
        0 as review_comments

    from {{ this }}
    where {{ only_changed() }}

),
{% endif %}

all_happenings as (

    select * from happenings
    {% if is_incremental() %}
    union all

    select * from withdrawn
    {% endif %}

),

final as (

    select
        pr_id,
        username,
        repo_name,
        day,
        {% for measure in measures -%}
        cast(sum({{ measure }}) as integer) as {{ measure }},
        {% endfor -%}
        {{ current_time() }} as changed_at

    from all_happenings
    group by pr_id, username, repo_name, day

)

select * from final
