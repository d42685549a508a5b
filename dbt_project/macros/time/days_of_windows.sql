{% macro days_of_windows(end_dates) %}
    {#- the first day of any window of this build, and the last. As literals in a condition they tell the planner how little
        of a table the windows need, which a join with windows does not -#}
    {%- set earliest = modules.datetime.date.fromisoformat(end_dates | min) -%}
    {%- set first = earliest - modules.datetime.timedelta(days=(var('window_days') | max) - 1) -%}
    {%- do return(["cast('" ~ first.isoformat() ~ "' as date)", "cast('" ~ end_dates | max ~ "' as date)"]) -%}
{% endmacro %}
