{{
    config(
        materialized='incremental',
        incremental_strategy='replace_author_days',
        unique_key=['username', 'repo_name', 'day'],
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['username', 'repo_name', 'day'], 'unique': true},
            {'columns': ['repo_name', 'day']},
            {'columns': ['day']},
        ],
    )
}}

with

activities as (

    select * from {{ ref('int_author_activities') }}
    {% if is_incremental() -%}
    where (username, repo_name, day) in {{ changed_author_days() }}
    {%- endif %}

),

summed as (

    select
        username,
        repo_name,
        day,
        cast(sum(prs_submitted) as integer) as prs_submitted,
        cast(sum(prs_merged) as integer) as prs_merged,
        cast(sum(lines_changed) as integer) as lines_changed,
        cast(sum(high_risk_prs) as integer) as high_risk_prs,
        cast(sum(features_merged) as integer) as features_merged,
        cast(sum(reviews_submitted) as integer) as reviews_submitted,
        cast(count(*) filter (where reviews_submitted > 0) as integer) as prs_reviewed,
        cast(sum(review_comments) as integer) as review_comments

    from activities
    group by username, repo_name, day

),

final as (

    select
        {{ surrogate_id(['username', 'repo_name', 'day']) }} as id,
        *

    from summed
    where
        prs_submitted > 0
        or prs_merged > 0
        or reviews_submitted > 0
        or review_comments > 0

)

{{ select_with_updated_at('final', key=['id']) }}
