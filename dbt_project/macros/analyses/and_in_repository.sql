{% macro and_in_repository(relation) %}
    {%- if var('repo_name', none) %}and {{ relation }}.repo_name = '{{ var("repo_name") | replace("'", "''") }}'{% endif -%}
{% endmacro %}
