{% macro computed_once() %}
    {#- the last line of a CTE: Postgres would fold the steps into one expression, and compute it again wherever a later step
        names it. Rows still flow through one by one; a CTE that is `materialized` is written to disk as a whole -#}
    offset 0
{%- endmacro %}
