{% macro record_snapshots(end_dates) %}
    {#- a snapshot of days on which nobody did anything has no row that tells it was built; of one that --empty emptied,
        nothing shall tell so either -#}
    {%- if flags.EMPTY -%}
    delete from {{ snapshot_builds() }}
    where model_name = '{{ model.name }}' and end_date in ('{{ end_dates | join("', '") }}')
    {%- else -%}
    insert into {{ snapshot_builds() }} (model_name, end_date, built_at, covers_until, version)
    values
    {%- for end_date in end_dates %}
        ('{{ model.name }}', '{{ end_date }}', {{ current_time() }}, {{ covers_until() }}, {{ snapshots_version() }}){{ ',' if not loop.last }}
    {%- endfor %}
    on conflict (model_name, end_date) do update set
        built_at = excluded.built_at,
        covers_until = excluded.covers_until,
        version = excluded.version
    {%- endif -%}
{% endmacro %}
