{% test row_satisfies(model, expression) %}
    {# an invariant of each row; one that is unknown, because of a null, does not hold #}
    select *
    from {{ model }}
    where not coalesce({{ expression }}, false)
{% endtest %}
