{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        unique_key='file_path',
        indexes=[{'columns': ['file_path'], 'type': 'hash'}],
    )
}}

{# a repository has far fewer paths than changes of files, and a dozen patterns on each change would be most of a
   build #}
with

files as (

    select * from {{ ref('stg_github__pull_request_files') }}

),

path_kinds as (

    select * from {{ ref('path_kinds') }}

),

risk_rules as (

    select * from {{ ref('risk_rules') }}

),

languages as (

    select * from {{ ref('languages') }}

),

paths as (

    select distinct file_path

    from files
    where {{ only_changed() }}

),

{# words run together can be one word of the seeds (CMakeLists, SignIn) or several (UserServiceTest, HTTPTest), so a
   path with capitals is looked at in both spellings #}
spelled_paths as (

    select
        paths.file_path,
        spellings.is_plain,
        case
            when spellings.is_plain then {{ path_key('paths.file_path') }}
            else {{ path_key('paths.file_path', parted=true) }}
        end as path_key

    from paths
    cross join (values (true), (false)) as spellings (is_plain)
    {% if is_incremental() %}
    left join {{ this }} as known
        on paths.file_path = known.file_path
    {% endif %}
    where
        {{ 'known.file_path is null' if is_incremental() else 'true' }}
        and (spellings.is_plain or {{ matches('paths.file_path', "'[A-Z]'") }})
    {{ computed_once() }}

),

named as (

    select
        file_path,
        is_plain,
        '/' || split_part(path_key, '/', -1) as name_key,
        left(path_key, length(path_key) - length(split_part(path_key, '/', -1))) as folder_key

    from spelled_paths

),

{# few names and folders make many paths, so each is looked at once #}
parts as (

    select distinct
        'name' as part,
        name_key as part_key

    from named

    union all

    select distinct
        'folder' as part,
        folder_key as part_key

    from named

),

path_parts as (

    select 'name' as part

    union all

    select 'folder' as part

),

{# rows of the same rule are alternatives, and count once. A segment can be a folder or a name #}
patterns as (

    select
        part,
        kind as rule_name,
        true as is_kind,
        string_agg('(' || pattern || ')', '|') as pattern

    from path_kinds
    group by part, kind

    union all

    select
        path_parts.part,
        risk_rules.rule_name,
        false as is_kind,
        string_agg('(' || risk_rules.pattern || ')', '|') as pattern

    from risk_rules
    inner join path_parts
        on risk_rules.part in (path_parts.part, 'segment')
    where risk_rules.scope = 'path'
    group by path_parts.part, risk_rules.rule_name

),

matched_parts as (

    select
        parts.part,
        parts.part_key,
        patterns.rule_name,
        patterns.is_kind

    from parts
    inner join patterns
        on
            parts.part = patterns.part
            and {{ matches('parts.part_key', 'patterns.pattern') }}

),

{# a rule that both the folder and the name match, or both spellings, still counts once #}
matched_paths as (

    select
        named.file_path,
        matched_parts.rule_name,
        matched_parts.is_kind

    from named
    inner join matched_parts
        on
            matched_parts.part = 'name'
            and named.name_key = matched_parts.part_key

    union

    select
        named.file_path,
        matched_parts.rule_name,
        matched_parts.is_kind

    from named
    inner join matched_parts
        on
            matched_parts.part = 'folder'
            and named.folder_key = matched_parts.part_key

),

rule_points as (

    select
        rule_name,
        max(points) as points,
        max(reason) as reason

    from risk_rules
    where scope = 'path'
    group by rule_name

),

classified as (

    select
        matched_paths.file_path,
        bool_or(matched_paths.is_kind and matched_paths.rule_name = 'test') as is_test,
        bool_or(matched_paths.is_kind and matched_paths.rule_name = 'documentation') as is_documentation,
        bool_or(matched_paths.is_kind and matched_paths.rule_name = 'binary') as is_binary,
        sum(rule_points.points) as risk_points,
        {{ json_array(
            'rule_points.rule_name',
            order_by='rule_points.rule_name',
            where='rule_points.reason is not null'
        ) }}
            as risk_rule_names,
        {{ json_array('rule_points.reason', order_by='rule_points.rule_name', where='rule_points.reason is not null') }}
            as risk_reasons

    from matched_paths
    left join rule_points
        on
            not matched_paths.is_kind
            and matched_paths.rule_name = rule_points.rule_name
    group by matched_paths.file_path

),

final as (

    select
        named.file_path,
        coalesce(by_name.language, by_extension.language) as language,
        coalesce(classified.is_test, false) as is_test,
        coalesce(classified.is_documentation, false) as is_documentation,
        coalesce(classified.is_binary, false) as is_binary,
        coalesce(by_name.is_source, by_extension.is_source, false)
        and not coalesce(
            classified.is_test or classified.is_documentation or classified.is_binary, false
        ) as is_source,
        cast(coalesce(classified.risk_points, 0) as integer) as risk_points,
        coalesce(classified.risk_rule_names, {{ empty_json_array() }}) as risk_rule_names,
        coalesce(classified.risk_reasons, {{ empty_json_array() }}) as risk_reasons

    from named
    left join classified
        on named.file_path = classified.file_path
    left join languages as by_name
        on
            by_name.found_by = 'file_name'
            and named.name_key = '/' || by_name.ending
    left join languages as by_extension
        on
            by_extension.found_by = 'extension'
            and {{ capture('named.name_key', "'\\.([a-z0-9]+)$'") }} = by_extension.ending
    where named.is_plain

)

select * from final
