with

files as (

    select * from {{ ref('int_files_risk_scored') }}
    where previous_path is not null and status = 'renamed'

),

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where merged_at is not null and not is_deleted

),

{# a path can be renamed, made again and renamed once more; each rename speaks for the time since the one before #}
renames as (

    select
        pull_requests.repo_id,
        files.previous_path,
        files.file_path as next_path,
        lag(pull_requests.merged_at, 1, cast('-infinity' as timestamptz)) over (
            partition by pull_requests.repo_id, files.previous_path
            order by pull_requests.merged_at, files.pr_id
        ) as renamed_after,
        pull_requests.merged_at as renamed_at

    from files
    inner join pull_requests
        on files.pr_id = pull_requests.pr_id

),

{# a file renamed more than four times is followed that far #}
final as (

    select
        renames.repo_id,
        renames.previous_path,
        renames.renamed_after,
        renames.renamed_at,
        coalesce(fourth.next_path, third.next_path, second.next_path, renames.next_path) as current_path

    from renames
    {% for earlier, later in [('renames', 'second'), ('second', 'third'), ('third', 'fourth')] -%}
    left join renames as {{ later }}
        on
            {{ earlier }}.repo_id = {{ later }}.repo_id
            and {{ earlier }}.next_path = {{ later }}.previous_path
            and {{ earlier }}.renamed_at >= {{ later }}.renamed_after
            and {{ earlier }}.renamed_at < {{ later }}.renamed_at
    {% endfor %}

)

select * from final
