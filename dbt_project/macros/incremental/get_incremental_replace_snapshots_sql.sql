{% macro get_incremental_replace_snapshots_sql(arguments) %}
    {#- in the snapshots of this build every row that changed is replaced; in those of other end dates only renamed authors
        and repositories take their new names. A row that says what it said has its old updated_at, and is left alone: a
        day changes few rows of a window of 90 -#}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    {%- set snapshots = snapshot_dates() -%}
    {%- set end_dates = "'" ~ snapshots | join("', '") ~ "'" -%}
    {%- set key = [] -%}
    {%- for column in config.require('unique_key') -%}
        {%- do key.append({'username': 'accounts.username', 'repo_name': 'repositories.repo_name'}.get(column, 'snapshots.' ~ column)) -%}
    {%- endfor -%}
    delete from {{ arguments.target_relation }} as snapshots
    where
        end_date in ({{ end_dates }})
        and {{ changed_in_snapshots('snapshots.pr_id' if 'pr_id' in config.require('unique_key') else 'snapshots.repo_name', snapshots) }}
        and not exists (
            select 1
            from {{ arguments.temp_relation }} as new_rows
            where new_rows.id = snapshots.id and new_rows.updated_at = snapshots.updated_at
        );

    update {{ arguments.target_relation }} as snapshots
    set
        id = {{ surrogate_id(key) }},
        account_id = accounts.author_account_id,
        username = accounts.username,
        repo_name = repositories.repo_name,
        updated_at = {{ current_time() }}
    from
        (select * from {{ ref('int_accounts_resolved') }}) as accounts,
        (select * from {{ ref('int_repositories_named') }}) as repositories
    where
        snapshots.end_date not in ({{ end_dates }})
        and snapshots.account_id = accounts.account_id
        and snapshots.repo_id = repositories.repo_id
        and (snapshots.username, snapshots.repo_name) <> (accounts.username, repositories.repo_name);

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arguments.temp_relation }} as new_rows
    where not exists (
        select 1
        from {{ arguments.target_relation }} as snapshots
        where snapshots.id = new_rows.id
    );

    {{ record_snapshots(snapshots) }}
{%- endmacro %}
