{% macro only_changed(pr_id='pr_id') %}
    {#- asked for before the condition, so that dbt sees the dependency while parsing -#}
    {%- set changed = changed_pull_requests() -%}
    {%- if is_incremental() -%}
        {{ pr_id }} in {{ changed }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
