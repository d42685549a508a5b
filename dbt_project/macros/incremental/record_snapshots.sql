{% macro record_snapshots(end_dates) %}
    {#- a snapshot of days on which nobody did anything has no row that tells it was built; of one that --empty emptied,
        nothing shall tell so either -#}
    {%- if flags.EMPTY -%}
    delete from {{ snapshot_builds() }}
    where model_name = '{{ model.name }}' and end_date in ('{{ end_dates | join("', '") }}')
    {%- else -%}
    insert into {{ snapshot_builds() }} (model_name, end_date, window_days, built_at, covers_until, version)
    values
    {%- for end_date, window_days in window_days_of(end_dates).items() %}
        (
            '{{ model.name }}', '{{ end_date }}', '{{ '{' ~ window_days | join(', ') ~ '}' }}', {{ current_time() }},
            {{ covers_until() }}, {{ snapshots_version(window_days) }}
        ){{ ',' if not loop.last }}
    {%- endfor %}
    on conflict (model_name, end_date) do update set
        window_days = excluded.window_days,
        built_at = excluded.built_at,
        covers_until = excluded.covers_until,
        version = excluded.version
    {%- endif -%}
{% endmacro %}
