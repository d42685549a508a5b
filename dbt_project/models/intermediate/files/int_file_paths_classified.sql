{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        indexes=[{'columns': ['file_path'], 'type': 'hash'}],
        post_hook="analyze {{ this }}",
    )
}}

{# a repository has far fewer paths than changes of files, and a dozen patterns on each change would be most of a build #}
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

new_paths as (

    select
        paths.file_path,
        {{ path_key('paths.file_path') }} as path_key

    from paths
    {% if is_incremental() %}
    left join {{ this }} as known
        on paths.file_path = known.file_path
    where known.file_path is null
    {% endif %}

),

named as (

    select
        file_path,
        path_key,
        {{ capture('path_key', "'/([^/]*)$'") }} as file_name,
        {{ capture('path_key', "'\\.([a-z0-9]+)$'") }} as extension

    from new_paths

),

{# one pattern per kind and per rule; several rows of a rule are alternatives, and count once #}
kind_patterns as (

    select
        kind,
        string_agg('(' || pattern || ')', '|') as pattern

    from path_kinds
    group by kind

),

rule_patterns as (

    select
        rule_name,
        string_agg('(' || pattern || ')', '|') as pattern,
        max(points) as points,
        max(reason) as reason

    from risk_rules
    where scope = 'path'
    group by rule_name

),

kinds as (

    select
        named.file_path,
        bool_or(kind_patterns.kind = 'test') as is_test,
        bool_or(kind_patterns.kind = 'documentation') as is_documentation,
        bool_or(kind_patterns.kind = 'binary') as is_binary

    from named
    inner join kind_patterns
        on {{ matches('named.path_key', 'kind_patterns.pattern') }}
    group by named.file_path

),

rules as (

    select
        named.file_path,
        sum(rule_patterns.points) as points,
        {{ array_of('rule_patterns.rule_name', order_by='rule_patterns.rule_name') }} as rule_names,
        {{ array_of('rule_patterns.reason', order_by='rule_patterns.rule_name') }} as reasons

    from named
    inner join rule_patterns
        on {{ matches('named.path_key', 'rule_patterns.pattern') }}
    group by named.file_path

),

final as (

    select
        named.file_path,
        coalesce(by_name.language, by_extension.language) as language,
        coalesce(kinds.is_test, false) as is_test,
        coalesce(kinds.is_documentation, false) as is_documentation,
        coalesce(kinds.is_binary, false) as is_binary,
        coalesce(by_name.is_source, by_extension.is_source, false)
        and kinds.file_path is null as is_source,
        cast(coalesce(rules.points, 0) as integer) as risk_points,
        coalesce(rules.rule_names, cast('{}' as text [])) as risk_rule_names,
        coalesce(rules.reasons, cast('{}' as text [])) as risk_reasons

    from named
    left join kinds
        on named.file_path = kinds.file_path
    left join rules
        on named.file_path = rules.file_path
    left join languages as by_name
        on
            by_name.found_by = 'file_name'
            and named.file_name = by_name.ending
    left join languages as by_extension
        on
            by_extension.found_by = 'extension'
            and named.extension = by_extension.ending

)

select * from final
