{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key='pr_id',
        indexes=[{'columns': ['pr_id'], 'unique': true}],
    )
}}

{# apart from the scores, which most models wait for: lists of JSON take five times as long as sums #}
with

{# imported once for each use: a CTE that is named twice is written to disk as a whole #}
files_at_risk as (

    select * from {{ ref('int_files_risk_scored') }}
    where risk > 0 and {{ only_changed() }}

),

files_with_reasons as (

    select * from {{ ref('int_files_risk_scored') }}
    where risk_reasons <> {{ empty_json_array() }} and {{ only_changed() }}

),

top_files as (

    select
        pr_id,
        {{ json_first(
            json_array(
                json_object({
                    'file_path': 'file_path',
                    'risk': 'risk',
                    'lines': 'lines_changed',
                    'status': 'status',
                    'language': 'language',
                }),
                order_by='risk desc, lines_changed desc, file_path collate "C"'
            ),
            5
        ) }} as top_risky_files

    from files_at_risk
    group by pr_id

),

file_reasons as (

    select
        pr_id,
        lines_changed,
        {{ json_elements('risk_reasons') }} as reason

    from files_with_reasons

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
        coalesce(top_files.pr_id, top_reasons.pr_id) as pr_id,
        coalesce(top_reasons.risk_reasons, {{ empty_json_array() }}) as risk_reasons,
        coalesce(top_files.top_risky_files, {{ empty_json_array() }}) as top_risky_files

    from top_files
    full outer join top_reasons
        on top_files.pr_id = top_reasons.pr_id

)

select * from final
