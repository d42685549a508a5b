{# Who carries the reviews of the last 30 days, and how evenly are they spread? #}
with

author_metrics_window as (

    select * from {{ ref('author_metrics_window') }}
    where {{ is_newest_snapshot(ref('author_metrics_window'), ref('windowed_snapshots')) }}

),

authors as (

    select * from {{ ref('authors') }}

),

reviewers as (

    select
        author_metrics_window.repo_name,
        author_metrics_window.username,
        author_metrics_window.reviews_submitted,
        author_metrics_window.prs_reviewed,
        author_metrics_window.prs_submitted,
        rank() over (
            partition by author_metrics_window.repo_name
            order by author_metrics_window.reviews_submitted desc
        ) as place,
        sum(author_metrics_window.reviews_submitted) over (
            partition by author_metrics_window.repo_name
        ) as repository_reviews,
        count(*) over (partition by author_metrics_window.repo_name) as repository_people
    from author_metrics_window
    inner join authors on author_metrics_window.username = authors.username
    where
        author_metrics_window.window_days = 30
        and not authors.is_bot
        and {{ in_repository('author_metrics_window') }}

),

final as (

    {# times_fair_share: 1 where everybody who was active reviews alike #}
    select
        repo_name,
        username,
        reviews_submitted,
        prs_reviewed,
        prs_submitted,
        100.0 * reviews_submitted / repository_reviews as share_pct,
        1.0 * reviews_submitted * repository_people / repository_reviews as times_fair_share,
        place
    from reviewers
    where repository_reviews > 0

)

select * from final
order by repo_name, place, username
