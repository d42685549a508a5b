{# whoever a mart names is an author; the marts whose columns hold this already have relationship tests of their own #}
with

authors as (

    select * from {{ ref('authors') }}

),

named as (

    {% for mart, column in [
        ('repo_prs', 'author'),
        ('file_changes', 'author'),
        ('pull_request_lifecycle', 'author'),
        ('author_metrics_daily', 'username'),
        ('author_metrics_window', 'username'),
        ('author_prs_window', 'username'),
        ('author_file_ownership', 'username'),
    ] %}
    select distinct
        {{ column }} as username,
        '{{ mart }}' as mart

    from {{ ref(mart) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select named.*
from named
left join authors
    on named.username = authors.username
where authors.username is null
