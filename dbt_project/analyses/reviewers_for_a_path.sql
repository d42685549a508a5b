{# Who could review a change under a path? Those who own most of it, people only. #}
{% set path = "'" ~ var('path', '') | replace("'", "''") ~ "'" %}

with

author_file_ownership as (

    select * from {{ ref('author_file_ownership') }}
    where {{ is_newest_snapshot(ref('author_file_ownership'), ref('windowed_snapshots')) }}

),

authors as (

    select * from {{ ref('authors') }}

),

owned as (

    {# starts_with, not like: a path may hold % and _ #}
    select
        author_file_ownership.repo_name,
        author_file_ownership.username,
        author_file_ownership.file_path,
        author_file_ownership.lines_owned,
        author_file_ownership.last_touched_at
    from author_file_ownership
    inner join authors on author_file_ownership.username = authors.username
    where
        author_file_ownership.window_days = 90
        and not authors.is_bot
        and starts_with(author_file_ownership.file_path, {{ path }})
        and {{ in_repository('author_file_ownership') }}

),

final as (

    select
        repo_name,
        username,
        count(*) as files,
        sum(lines_owned) as lines_owned,
        100.0 * sum(lines_owned) / sum(sum(lines_owned)) over (partition by repo_name) as owned_pct,
        max(last_touched_at) as last_touched_at
    from owned
    group by repo_name, username
    order by lines_owned desc, username asc, repo_name asc
    limit 20

)

select * from final
order by lines_owned desc, username asc, repo_name asc
