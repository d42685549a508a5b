{% macro changed_author_days() %}
    (
        select activities.username, activities.repo_name, activities.day
        from {{ ref('int_author_activities') }} as activities
        where activities.changed_at > {{ last_built_at() }}
    )
{%- endmacro %}
