{# GitHub counts every connection of a pull request. A row here names one of which fewer or more were loaded, or whose
   count was not: the token may not see it #}
{{ config(tags=['raw']) }}

with

pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}
    where deleted_at is null

),

threads as (

    select * from {{ ref('stg_github__pull_request_review_threads') }}

),

{% set connections = {
    'files': 'pull_request_files',
    'commits': 'pull_request_commits',
    'reviews': 'pull_request_reviews',
    'review_threads': 'pull_request_review_threads',
    'comments': 'pull_request_comments',
    'labels': 'pull_request_labels',
    'assignees': 'pull_request_assignees',
    'review_requests': 'pull_request_review_requests',
    'closing_issues': 'pull_request_closing_issues',
    'events': 'pull_request_events',
} %}

{% for connection, table in connections.items() %}
{{ connection }}_loaded as (

    select
        pr_id,
        count(*) as loaded

    from {{ ref('stg_github__' ~ table) }}
    group by pr_id

),
{% endfor %}

thread_comments_loaded as (

    select
        thread_id,
        count(*) as loaded

    from {{ ref('stg_github__pull_request_review_comments') }}
    group by thread_id

),

{# imported again, since a CTE that is named twice is written to disk as a whole, texts and all #}
threaded_pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}
    where deleted_at is null

),

counted as (

    select
        pull_requests.repo_id,
        pull_requests.pr_number,
        connections.connection,
        connections.counted,
        coalesce(connections.loaded, 0) as loaded

    from pull_requests
    {% for connection in connections -%}
    left join {{ connection }}_loaded
        on pull_requests.pr_id = {{ connection }}_loaded.pr_id
    {% endfor -%}
    cross join
        lateral (
            values
            {% for name in connections -%}
            ('{{ name }}', pull_requests.{{ name }}_total, {{ name }}_loaded.loaded){{ ',' if not loop.last }}
            {% endfor %}
        ) as connections (connection, counted, loaded)
    {# the few that are wrong, before each becomes ten rows #}
    where
        (
            {% for name in connections -%}
            pull_requests.{{ name }}_total{{ ',' if not loop.last }}
            {% endfor -%}
        ) is distinct from (
            {% for name in connections -%}
            coalesce({{ name }}_loaded.loaded, 0){{ ',' if not loop.last }}
            {% endfor -%}
        )

    union all

    select
        threaded_pull_requests.repo_id,
        threaded_pull_requests.pr_number,
        'comments of thread ' || threads.thread_id as connection,
        threads.comments_total as counted,
        coalesce(thread_comments_loaded.loaded, 0) as loaded

    from threads
    inner join threaded_pull_requests
        on threads.pr_id = threaded_pull_requests.pr_id
    left join thread_comments_loaded
        on threads.thread_id = thread_comments_loaded.thread_id

)

select * from counted
where counted is distinct from loaded
