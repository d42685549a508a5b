{% macro lower_ascii(text) %}
    {#- only A to Z change, whatever the database's locale: under a Turkish one lower('FIX') is no longer fix -#}
    lower(({{ text }}) collate "C")
{%- endmacro %}
