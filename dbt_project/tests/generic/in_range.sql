{% test in_range(model, column_name, at_least, at_most=none) %}
    {# both ends belong to the range; a null is not a value out of range #}
    select {{ column_name }}
    from {{ model }}
    where
        {{ column_name }} < {{ at_least }}
        {% if at_most is not none -%}
        or {{ column_name }} > {{ at_most }}
        {%- endif %}
{% endtest %}
