with

{# a path can be renamed, made again and renamed once more; each rename speaks for the time since the one before #}
renames as (

    select
        repo_id,
        previous_path,
        file_path as next_path,
        lag(merged_at, 1, cast('-infinity' as timestamptz)) over (
            partition by repo_id, previous_path
            order by merged_at, pr_id
        ) as renamed_after,
        merged_at as renamed_at

    from {{ ref('int_file_renames') }}

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
