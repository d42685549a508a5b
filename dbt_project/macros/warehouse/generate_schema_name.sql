{% macro generate_schema_name(custom_schema_name, node) %}
    {#- schemas are part of the data contract, so they carry no prefix -#}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
