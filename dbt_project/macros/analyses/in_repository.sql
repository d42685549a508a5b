{% macro in_repository(relation) %}
    {%- if not var('repo_name', none) -%}
    true
    {%- else -%}
    {{ relation }}.repo_name = '{{ var("repo_name") | replace("'", "''") }}'
    {%- endif -%}
{% endmacro %}
