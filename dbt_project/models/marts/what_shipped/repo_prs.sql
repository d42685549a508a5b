{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key='pr_id',
        indexes=[
            {'columns': ['id'], 'unique': true},
            {'columns': ['pr_id'], 'unique': true},
            {'columns': ['repo_name', 'pr_number'], 'unique': true},
            {'columns': ['repo_name', 'merged_at']},
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

summaries as (

    select * from {{ ref('int_pull_requests_summarised') }}
    where {{ only_changed() }}

),

features as (

    select * from {{ ref('int_pull_requests_feature_classified') }}
    where {{ only_changed() }}

),

risks as (

    select * from {{ ref('int_pull_requests_risk_scored') }}
    where {{ only_changed() }}

),

explanations as (

    select * from {{ ref('int_pull_requests_risk_explained') }}
    where {{ only_changed() }}

),

joined as (

    select
        {{ surrogate_id(['pull_requests.pr_id']) }} as id,
        pull_requests.repo_name,
        pull_requests.pr_id,
        pull_requests.pr_number,
        pull_requests.title,
        summaries.pr_summary,
        pull_requests.author,
        pull_requests.created_at,
        pull_requests.merged_at,
        pull_requests.closed_at,
        pull_requests.state,
        pull_requests.state = 'merged' as is_merged,
        pull_requests.is_draft,
        pull_requests.url,
        pull_requests.additions,
        pull_requests.deletions,
        pull_requests.changed_files,
        features.labels_full,
        features.feature_rule,
        features.feature_confidence,
        features.is_feature,
        summaries.is_feature_by_model as ai_feature,
        summaries.feature_confidence_by_model as ai_feature_confidence,
        coalesce(risks.risk_score, 0) as risk_score,
        coalesce(risks.high_risk, false) as high_risk,
        coalesce(explanations.risk_reasons, {{ empty_json_array() }}) as risk_reasons,
        coalesce(explanations.top_risky_files, {{ empty_json_array() }}) as top_risky_files

    from pull_requests
    inner join summaries
        on pull_requests.pr_id = summaries.pr_id
    inner join features
        on pull_requests.pr_id = features.pr_id
    left join risks
        on pull_requests.pr_id = risks.pr_id
    left join explanations
        on pull_requests.pr_id = explanations.pr_id

),

banded as (

    select
        *,
        case
            when high_risk then 'high'
            when risk_score >= 4 then 'medium'
            else 'low'
        end as risk_band,
        case
            when additions + deletions <= 100 then 'small-change'
            when additions + deletions <= 1000 then 'medium-change'
            else 'large-change'
        end as size_tag

    from joined

),

final as (

    select
        id,
        repo_name,
        pr_id,
        pr_number,
        title,
        pr_summary,
        author,
        created_at,
        merged_at,
        closed_at,
        state,
        is_merged,
        is_draft,
        url,
        additions,
        deletions,
        changed_files,
        labels_full,
        {{ json_list(["risk_band || '-risk'", 'state', 'size_tag']) }} as derived_labels,
        feature_rule,
        feature_confidence,
        is_feature,
        ai_feature,
        ai_feature_confidence,
        risk_score,
        high_risk,
        risk_band,
        risk_reasons,
        top_risky_files

    from banded

)

{{ select_with_updated_at('final', key=['id']) }}
