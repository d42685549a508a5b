{% test not_an_alias(model, column_name) %}
    {# aliases are followed one step; a chain would leave work with an author who is an alias himself #}
    select aliases.{{ column_name }}
    from {{ model }} as aliases
    inner join {{ model }} as others
        on {{ lower_ascii('aliases.' ~ column_name) }} = {{ lower_ascii('others.alias') }}
{% endtest %}
