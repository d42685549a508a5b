{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key='pr_id',
        indexes=[{'columns': ['pr_id'], 'unique': true}],
    )
}}

with

files as (

    select * from {{ ref('int_files_risk_scored') }}
    where {{ only_changed() }}

),

totals as (

    select
        pr_id,
        bool_and(is_documentation or is_test) as is_documentation_or_tests,
        sum(additions - deletions) filter (where is_test) as net_test_lines,
        max(risk) as max_risk,
        avg(cast(risk as numeric)) as mean_risk,
        sum(cast(risk as numeric) * lines_changed) / nullif(sum(lines_changed), 0) as weighted_risk

    from files
    group by pr_id

),

scored as (

    select
        pr_id,
        is_documentation_or_tests,
        case
            when max_risk >= 8 then least(greatest(coalesce(weighted_risk, mean_risk), 8.0) + 0.5, 10)
            when net_test_lines > 0 then greatest(coalesce(weighted_risk, mean_risk) - 0.5, 0)
            else coalesce(weighted_risk, mean_risk)
        end as score

    from totals

),

ranked_files as (

    select
        *,
        row_number() over (
            partition by pr_id
            order by risk desc, lines_changed desc, file_path collate "C"
        ) as place

    from files
    where risk > 0

),

top_files as (

    select
        pr_id,
        {{ json_array(
            json_object({
                'file_path': 'file_path',
                'risk': 'risk',
                'lines': 'lines_changed',
                'status': 'status',
                'language': 'language',
            }),
            order_by='place'
        ) }} as top_risky_files

    from ranked_files
    where place <= 5
    group by pr_id

),

file_reasons as (

    select
        pr_id,
        lines_changed,
        {{ json_elements('risk_reasons') }} as reason

    from files

),

ranked_reasons as (

    select
        pr_id,
        reason,
        row_number() over (
            partition by pr_id
            order by sum(lines_changed) desc, reason collate "C"
        ) as place

    from file_reasons
    group by pr_id, reason

),

top_reasons as (

    select
        pr_id,
        {{ json_array('reason', order_by='place') }} as risk_reasons

    from ranked_reasons
    where place <= 4
    group by pr_id

),

final as (

    select
        scored.pr_id,
        scored.is_documentation_or_tests,
        cast(round(scored.score, 2) as double precision) as risk_score,
        round(scored.score, 2) >= {{ var('high_risk_threshold') }} as high_risk,
        coalesce(top_reasons.risk_reasons, {{ empty_json_array() }}) as risk_reasons,
        coalesce(top_files.top_risky_files, {{ empty_json_array() }}) as top_risky_files

    from scored
    left join top_files
        on scored.pr_id = top_files.pr_id
    left join top_reasons
        on scored.pr_id = top_reasons.pr_id

)

select * from final
