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

{# whole numbers to the end: a sum of numerics is several times slower #}
totals as (

    select
        pr_id,
        bool_and(is_documentation or is_test) as is_documentation_or_tests,
        sum(additions - deletions) filter (where is_test) as net_test_lines,
        max(risk) as max_risk,
        cast(sum(risk) as numeric) / count(*) as mean_risk,
        cast(sum(risk * cast(lines_changed as bigint)) as numeric) / nullif(sum(lines_changed), 0) as weighted_risk,
        {{ json_first(
            json_array(
                json_object({
                    'file_path': 'file_path',
                    'risk': 'risk',
                    'lines': 'lines_changed',
                    'status': 'status',
                    'language': 'language',
                }),
                order_by='risk desc, lines_changed desc, file_path collate "C"',
                where='risk > 0'
            ),
            5
        ) }} as top_risky_files

    from files
    group by pr_id

),

scored as (

    select
        pr_id,
        is_documentation_or_tests,
        top_risky_files,
        case
            when max_risk >= 8 then least(greatest(coalesce(weighted_risk, mean_risk), 8.0) + 0.5, 10)
            when net_test_lines > 0 then greatest(coalesce(weighted_risk, mean_risk) - 0.5, 0)
            else coalesce(weighted_risk, mean_risk)
        end as score

    from totals

),

file_reasons as (

    select
        pr_id,
        lines_changed,
        {{ json_elements('risk_reasons') }} as reason

    from files

),

reason_lines as (

    select
        pr_id,
        reason,
        sum(lines_changed) as lines_changed

    from file_reasons
    group by pr_id, reason

),

top_reasons as (

    select
        pr_id,
        {{ json_first(json_array('reason', order_by='lines_changed desc, reason collate "C"'), 4) }} as risk_reasons

    from reason_lines
    group by pr_id

),

final as (

    select
        scored.pr_id,
        scored.is_documentation_or_tests,
        cast(round(scored.score, 2) as double precision) as risk_score,
        round(scored.score, 2) >= {{ var('high_risk_threshold') }} as high_risk,
        coalesce(top_reasons.risk_reasons, {{ empty_json_array() }}) as risk_reasons,
        scored.top_risky_files

    from scored
    left join top_reasons
        on scored.pr_id = top_reasons.pr_id

)

select * from final
