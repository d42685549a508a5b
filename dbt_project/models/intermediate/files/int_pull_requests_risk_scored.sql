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
        cast(sum(risk * cast(lines_changed as bigint)) as numeric) / nullif(sum(lines_changed), 0) as weighted_risk

    from files
    group by pr_id

),

scored as (

    select
        pr_id,
        is_documentation_or_tests,
        round(
            case
                when max_risk >= 8 then least(greatest(coalesce(weighted_risk, mean_risk), 8.0) + 0.5, 10)
                when net_test_lines > 0 then greatest(coalesce(weighted_risk, mean_risk) - 0.5, 0)
                else coalesce(weighted_risk, mean_risk)
            end,
            2
        ) as score

    from totals

),

final as (

    select
        pr_id,
        is_documentation_or_tests,
        cast(score as double precision) as risk_score,
        score >= {{ var('high_risk_threshold') }} as high_risk

    from scored

)

select * from final
