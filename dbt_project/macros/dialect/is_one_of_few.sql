{% macro is_one_of_few(column, query) %}
    {#- a condition: Postgres cannot tell how few rows a query of comparisons returns, and would read the whole table that they
        are looked up in. Of an array it expects few, and takes the index -#}
    {{ column }} = any(array({{ query }}))
{%- endmacro %}
