{% macro get_incremental_replace_snapshots_sql(arguments) %}
    {#- the snapshots of this build are replaced whole; those of every other end date stay as they are -#}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments.target_relation }}
    where end_date in ({% for day in snapshot_dates() %}'{{ day }}'{{ ', ' if not loop.last }}{% endfor %});

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{%- endmacro %}
