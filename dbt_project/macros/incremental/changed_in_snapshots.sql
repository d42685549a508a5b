{% macro changed_in_snapshots(column, end_dates) %}
    {#- a condition on rows by their repo_name or pr_id: what a build of these snapshots has to make. That is everything, or of
        snapshots that were built before in the same way what changed since, under its names of then and of now, if anything
        was done there on the days of the windows or later: a file that was changed then can be renamed afterwards. The
        references are made before the condition, so that dbt sees them while parsing -#}
    {%- set activities, tracked = ref('int_author_activities'), ref('int_pull_requests_tracked') -%}
    {%- set covers_until = snapshots_cover_until(end_dates) if end_dates == end_dates_asked_for() -%}
    {%- if covers_until -%}
        {{ column }} in (
            select activities.{{ column.split('.') | last }}
            from {{ activities }} as activities
            inner join {{ tracked }} as tracked
                on activities.pr_id = tracked.pr_id
            where
                tracked.changed_at > cast('{{ covers_until }}' as timestamptz)
                and activities.day >= {{ days_of_windows(end_dates)[0] }}
        )
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
