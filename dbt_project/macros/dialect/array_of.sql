{% macro array_of(element, order_by, where='true') %}
    coalesce(array_agg({{ element }} order by {{ order_by }}) filter (where {{ where }}), cast('{}' as text []))
{%- endmacro %}
