{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key=['pr_id', 'file_path'],
        indexes=[{'columns': ['pr_id']}],
    )
}}

with

files as (

    select
        *,
        additions + deletions as lines_changed

    from {{ ref('stg_github__pull_request_files') }}
    where {{ only_changed() }}

),

{# imported once for each use: a CTE that is named twice is read as a whole, past its index #}
paths as (

    select * from {{ ref('int_file_paths_classified') }}

),

paths_of_tests as (

    select file_path from {{ ref('int_file_paths_classified') }}
    where is_test

),

paths_of_patches as (

    select
        file_path,
        risk_rule_names

    from {{ ref('int_file_paths_classified') }}

),

risk_rules as (

    select * from {{ ref('risk_rules') }}

),

size_steps as (

    select
        cast(pattern as integer) as from_lines,
        lead(cast(pattern as integer), 1, 2147483647) over (order by cast(pattern as integer)) as below_lines,
        points,
        reason

    from risk_rules
    where scope = 'size'

),

{# the rules that are one row each, side by side; a rule taken out of the seed counts nothing #}
single_rules as (

    select
        coalesce(max(points) filter (where scope = 'kind' and pattern = 'test'), 0) as test_points,
        coalesce(max(points) filter (where scope = 'change_type' and pattern = 'deleted'), 0) as test_deleted_points,
        coalesce(max(points) filter (where scope = 'test_balance' and pattern = 'negative'), 0) as tests_removed_points,
        coalesce(max(points) filter (where scope = 'test_balance' and pattern = 'positive'), 0) as tests_added_points,
        max(reason) filter (where scope in ('change_type', 'test_balance') and points > 0) as tests_removed_reason

    from risk_rules

),

test_balances as (

    select
        files.pr_id,
        sum(files.additions - files.deletions) as net_test_lines

    from files
    inner join paths_of_tests
        on files.file_path = paths_of_tests.file_path
    group by files.pr_id

),

{# lower case, as the patterns are #}
patches as (

    select
        files.pr_id,
        files.file_path,
        paths_of_patches.risk_rule_names,
        {{ lower_ascii('files.patch') }} as patch

    from files
    inner join paths_of_patches
        on files.file_path = paths_of_patches.file_path
    where files.patch is not null

),

{# a pattern must match inside one added or removed line. The line's sign is only looked at, so that it can be what
   stands before the first word #}
patch_rules as (

    select
        *,
        case scope
            when 'patch_added' then '(^|\n)(?=[+])[^\n]*('
            when 'patch_removed' then '(^|\n)(?=[-])[^\n]*('
            when 'patch' then '(^|\n)(?=[+-])[^\n]*('
        end || pattern || ')' as line_pattern

    from risk_rules
    where scope in ('patch', 'patch_added', 'patch_removed')

),

{# a rule of which several patterns match still counts once #}
matched_rules as (

    select
        patches.pr_id,
        patches.file_path,
        patch_rules.rule_name,
        max(patch_rules.points) as points,
        max(patch_rules.floor) as floor,
        max(patch_rules.reason) as reason

    from patches
    inner join patch_rules
        on
            {{ matches('patches.patch', 'patch_rules.line_pattern') }}
            and (
                patch_rules.needs_rule = 'none'
                or {{ json_contains('patches.risk_rule_names', 'patch_rules.needs_rule') }}
            )
    group by patches.pr_id, patches.file_path, patch_rules.rule_name

),

patch_findings as (

    select
        pr_id,
        file_path,
        sum(points) as points,
        max(floor) as floor,
        {{ json_array('reason', order_by='rule_name') }} as reasons

    from matched_rules
    group by pr_id, file_path

),

signals as (

    select
        files.pr_id,
        files.file_path,
        files.previous_path,
        files.change_type as status,
        files.additions,
        files.deletions,
        files.lines_changed,
        paths.language,
        paths.is_test,
        paths.is_documentation,
        paths.is_source,
        (paths.is_documentation and files.lines_changed <= 50)
        or paths.is_binary
        or (files.change_type = 'renamed' and files.lines_changed = 0) as is_harmless,
        coalesce(size_steps.points, 0)
        + paths.risk_points
        + coalesce(patch_findings.points, 0)
        + case when paths.is_test then single_rules.test_points else 0 end
        + greatest(
            case when paths.is_test and files.change_type = 'deleted' then single_rules.test_deleted_points else 0 end,
            case when test_balances.net_test_lines < 0 then single_rules.tests_removed_points else 0 end
        )
        + case
            when paths.is_source and test_balances.net_test_lines > 0 then single_rules.tests_added_points
            else 0
        end as points,
        coalesce(patch_findings.floor, 0) as floor,
        paths.risk_reasons
        || coalesce(patch_findings.reasons, {{ empty_json_array() }})
        || {{ json_list_known([
            'size_steps.reason',
            "case when (paths.is_test and files.change_type = 'deleted') or test_balances.net_test_lines < 0 then"
            ~ ' single_rules.tests_removed_reason end',
        ]) }} as reasons

    from files
    cross join single_rules
    inner join paths
        on files.file_path = paths.file_path
    left join size_steps
        on
            files.lines_changed >= size_steps.from_lines
            and files.lines_changed < size_steps.below_lines
    left join test_balances
        on files.pr_id = test_balances.pr_id
    left join patch_findings
        on
            files.pr_id = patch_findings.pr_id
            and files.file_path = patch_findings.file_path

),

final as (

    select
        pr_id,
        file_path,
        previous_path,
        status,
        language,
        additions,
        deletions,
        lines_changed,
        is_test,
        is_documentation,
        is_source,
        cast(case when is_harmless then 0 else greatest(least(points, 10), floor) end as integer) as risk,
        case when is_harmless then {{ empty_json_array() }} else reasons end as risk_reasons

    from signals

)

select * from final
