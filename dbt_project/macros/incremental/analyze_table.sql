{% macro analyze_table() %}
    {#- the models that follow are planned by these statistics; autovacuum would come a minute too late -#}
    {%- if model.config.materialized in ['table', 'incremental'] -%}
    analyze {{ this }}
    {%- endif -%}
{% endmacro %}
