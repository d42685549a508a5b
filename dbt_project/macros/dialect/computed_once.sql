{% macro computed_once() %}
    {#- before the parenthesis of a CTE: Postgres would fold the steps into one expression, and compute it again wherever a later
        step names it -#}
    materialized
{%- endmacro %}
