{% macro json_array(element, order_by, where='true') %}
    coalesce(jsonb_agg({{ element }} order by {{ order_by }}) filter (where {{ where }}), {{ empty_json_array() }})
{%- endmacro %}
