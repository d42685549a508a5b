{% macro end_dates_asked_for() %}
    {%- do return([as_of_date() | string] if not var('backfill_from') else backfill_dates()) -%}
{% endmacro %}
