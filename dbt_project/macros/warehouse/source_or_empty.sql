{% macro source_or_empty(relation, columns) %}
    {#- a source that only some warehouses have; without it the model is empty and everything after it stands -#}
    {%- if execute and load_relation(relation) is not none -%}
    select * from {{ relation }}
    {%- else -%}
    select
        {%- for name, data_type in columns.items() %}
        cast(null as {{ data_type }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    where false
    {%- endif -%}
{%- endmacro %}
