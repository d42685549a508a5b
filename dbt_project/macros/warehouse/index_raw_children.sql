{% macro index_raw_children() %}
    {#- an incremental build reads the children of the changed pull requests alone; without an index it would scan them all -#}
    {%- if execute -%}
        {%- set owned = run_query(
            "select tablename from pg_tables where schemaname = 'raw_github' and tableowner = current_user "
            ~ "and tablename like 'pull_request_%' and exists (select from information_schema.columns where table_schema = schemaname "
            ~ "and table_name = tablename and column_name = 'pull_request_id')"
        ) -%}
        {%- for row in owned %}
    create index if not exists {{ row[0] }}_of_pull_request on raw_github.{{ row[0] }} (pull_request_id);
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
