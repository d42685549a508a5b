{% macro get_incremental_replace_pull_requests_sql(arguments) %}
    {#- a pull request that lost rows, or is gone, must lose them here too; a merge on the key would keep them -#}
    {%- set columns = arguments.dest_columns | map(attribute='quoted') | join(', ') -%}
    delete from {{ arguments.target_relation }} where pr_id in {{ changed_pull_requests() }};

    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }}
{%- endmacro %}
