{% test not_an_alias(model, column_name) %}
    {# aliases are followed one step; a chain would leave work with an author who is an alias himself #}
    with aliases as (
        select * from {{ model }}
    )

    select {{ column_name }}
    from aliases
    where {{ lower_ascii(column_name) }} in (select {{ lower_ascii('alias') }} from aliases)
{% endtest %}
