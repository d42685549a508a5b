{% macro get_incremental_replace_snapshots_sql(arguments) %}
    {#- the snapshots of this build are replaced whole; in those of other end dates only renamed authors and repositories
        take their new names -#}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    {%- set key = [] -%}
    {%- for column in config.require('unique_key') -%}
        {%- do key.append({'username': 'names.current_username', 'repo_name': 'names.current_repo_name'}.get(column, 'snapshots.' ~ column)) -%}
    {%- endfor -%}
    delete from {{ arguments.target_relation }}
    where end_date in ({% for day in snapshot_dates() %}'{{ day }}'{{ ', ' if not loop.last }}{% endfor %});

    update {{ arguments.target_relation }} as snapshots
    set
        id = {{ surrogate_id(key) }},
        account_id = names.current_account_id,
        username = names.current_username,
        repo_name = names.current_repo_name,
        updated_at = {{ current_time() }}
    from ({{ names_in_snapshots() }}) as names
    where
        snapshots.end_date = names.end_date
        and snapshots.account_id = names.account_id
        and snapshots.repo_id = names.repo_id
        and (names.username, names.repo_name) <> (names.current_username, names.current_repo_name);

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{%- endmacro %}
