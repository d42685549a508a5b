{% test unique_together(model, columns) %}
    {# several columns are one key: no combination of their values stands twice #}
    select {{ columns | join(', ') }}
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
