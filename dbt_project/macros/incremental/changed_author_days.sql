{% macro changed_author_days() %}
    (
        select username, repo_name, day
        from {{ ref('int_author_activities') }}
        where changed_at > {{ last_built_at() }}
    )
{%- endmacro %}
