{# Which files that change a lot does one person alone know? Every line of 90 days is theirs. #}
with

author_file_ownership as (

    select * from {{ ref('author_file_ownership') }}
    where {{ is_newest_snapshot(ref('author_file_ownership'), ref('windowed_snapshots')) }}

),

authors as (

    select * from {{ ref('authors') }}

),

final as (

    select
        author_file_ownership.repo_name,
        author_file_ownership.file_path,
        author_file_ownership.username,
        author_file_ownership.lines_owned,
        author_file_ownership.last_touched_at
    from author_file_ownership
    inner join authors on author_file_ownership.username = authors.username
    where
        author_file_ownership.window_days = 90
        and author_file_ownership.lines_owned = author_file_ownership.total_lines
        and author_file_ownership.lines_owned >= 100
        and not authors.is_bot
        and {{ in_repository('author_file_ownership') }}
    order by
        author_file_ownership.lines_owned desc,
        author_file_ownership.repo_name asc,
        author_file_ownership.file_path asc
    limit 50

)

select * from final
order by lines_owned desc, repo_name asc, file_path asc
