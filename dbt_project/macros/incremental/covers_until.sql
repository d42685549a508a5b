{% macro covers_until() %}
    {#- a SQL expression: a model that is built from tables which lag behind lags as far itself. Were its time the present
        one, it would never look again at what they had yet to do -#}
    least(
        {{ current_time() }},
        (select min(covers_until) from {{ model_builds() }} where model_name in ({{ upstream_models() }}))
    )
{%- endmacro %}
