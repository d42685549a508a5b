{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key=['pr_id', 'username', 'repo_name', 'day'],
        indexes=[{'columns': ['pr_id']}, {'columns': ['changed_at']}, {'columns': ['day']}],
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

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
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

review_comments as (

    select * from {{ ref('stg_github__pull_request_review_comments') }}
    where {{ only_changed() }}

),

happenings as (

    select
        pr_id,
        author as username,
        repo_name,
        {{ utc_day('created_at') }} as day,
        1 as prs_submitted,
        0 as prs_merged,
        0 as lines_changed,
        0 as high_risk_prs,
        0 as features_merged,
        0 as reviews_submitted,
        0 as review_comments

    from pull_requests

    union all

    select
        pull_requests.pr_id,
        pull_requests.author as username,
        pull_requests.repo_name,
        {{ utc_day('pull_requests.merged_at') }} as day,
        0 as prs_submitted,
        1 as prs_merged,
        pull_requests.additions + pull_requests.deletions as lines_changed,
        case when risks.high_risk then 1 else 0 end as high_risk_prs,
        case when features.is_feature then 1 else 0 end as features_merged,
        0 as reviews_submitted,
        0 as review_comments

    from pull_requests
    left join risks
        on pull_requests.pr_id = risks.pr_id
    left join features
        on pull_requests.pr_id = features.pr_id
    where pull_requests.merged_at is not null

    union all

    select
        pull_requests.pr_id,
        accounts.username,
        pull_requests.repo_name,
        {{ utc_day('reviews.submitted_at') }} as day,
        0 as prs_submitted,
        0 as prs_merged,
        0 as lines_changed,
        0 as high_risk_prs,
        0 as features_merged,
        1 as reviews_submitted,
        0 as review_comments

    from reviews
    inner join pull_requests
        on reviews.pr_id = pull_requests.pr_id
    inner join accounts
        on coalesce(reviews.author_account_id, 0) = accounts.account_id
    where accounts.username <> pull_requests.author

    union all

    select
        pull_requests.pr_id,
        accounts.username,
        pull_requests.repo_name,
        {{ utc_day('review_comments.created_at') }} as day,
        0 as prs_submitted,
        0 as prs_merged,
        0 as lines_changed,
        0 as high_risk_prs,
        0 as features_merged,
        0 as reviews_submitted,
        1 as review_comments

    from review_comments
    inner join pull_requests
        on review_comments.pr_id = pull_requests.pr_id
    inner join accounts
        on coalesce(review_comments.author_account_id, 0) = accounts.account_id
    where accounts.username <> pull_requests.author

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

{# of a deleted pull request the days are kept, so that the snapshots that counted it are found, and nothing that
   was done #}
final as (

    select
        all_happenings.pr_id,
        all_happenings.username,
        all_happenings.repo_name,
        all_happenings.day,
        {% for measure in measures -%}
        cast(
            coalesce(sum(all_happenings.{{ measure }}) filter (where not pull_requests.is_deleted), 0) as integer
        ) as {{ measure }},
        {% endfor -%}
        {{ current_time() }} as changed_at

    from all_happenings
    inner join pull_requests
        on all_happenings.pr_id = pull_requests.pr_id
    group by all_happenings.pr_id, all_happenings.username, all_happenings.repo_name, all_happenings.day

)

select * from final
