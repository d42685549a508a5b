{% macro index_raw_children() %}
    {#- an incremental build reads the children of the changed pull requests alone; without an index it would scan them all, and
        so it would if a pull request seemed to have hundreds of them: a sample of rows that lie side by side shows few
        different ids, so Postgres is told that there is one for every five rows -#}
    {%- if execute -%}
        {%- set owned = run_query(
            "select classes.relname, attributes.attoptions is null as is_new from pg_class as classes "
            ~ "inner join pg_attribute as attributes on classes.oid = attributes.attrelid "
            ~ "where classes.relnamespace = to_regnamespace('raw_github') and classes.relkind = 'r' "
            ~ "and pg_get_userbyid(classes.relowner) = current_user "
            ~ "and classes.relname like 'pull_request_%' and attributes.attname = 'pull_request_id'"
        ) -%}
        {%- for row in owned %}
    create index if not exists {{ row[0] }}_of_pull_request on raw_github.{{ row[0] }} (pull_request_id);
            {%- if row[1] %}
    alter table raw_github.{{ row[0] }} alter column pull_request_id set (n_distinct = -0.2);
    analyze raw_github.{{ row[0] }} (pull_request_id);
            {%- endif %}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
