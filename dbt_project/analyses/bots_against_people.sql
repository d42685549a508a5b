{# What share of the work of the last 90 days is done by bots? #}
with

author_metrics_window as (

    select * from {{ ref('author_metrics_window') }}
    where {{ is_newest_snapshot(ref('author_metrics_window'), ref('windowed_snapshots')) }}

),

authors as (

    select * from {{ ref('authors') }}

),

final as (

    select
        author_metrics_window.repo_name,
        case when authors.is_bot then 'bots' else 'people' end as who,
        count(*) as accounts,
        sum(author_metrics_window.prs_submitted) as prs_submitted,
        sum(author_metrics_window.prs_merged) as prs_merged,
        sum(author_metrics_window.lines_changed) as lines_changed,
        sum(author_metrics_window.reviews_submitted) as reviews_submitted,
        100.0 * sum(author_metrics_window.prs_merged) / nullif(
            sum(sum(author_metrics_window.prs_merged)) over (
                partition by author_metrics_window.repo_name
            ),
            0
        ) as prs_merged_pct
    from author_metrics_window
    inner join authors on author_metrics_window.username = authors.username
    where
        author_metrics_window.window_days = 90
        and {{ in_repository('author_metrics_window') }}
    group by
        author_metrics_window.repo_name,
        case when authors.is_bot then 'bots' else 'people' end

)

select * from final
order by repo_name, who
