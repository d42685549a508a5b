{% macro date_asked_for(name) %}
    {%- set value = var(name) | string -%}
    {%- if not modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', value) -%}
        {%- do exceptions.raise_compiler_error(name ~ ' is ' ~ value ~ ': write a date as 2024-01-31') -%}
    {%- endif -%}
    {%- do return(value) -%}
{% endmacro %}
