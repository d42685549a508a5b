{% macro days_of_windows(end_dates) %}
    {#- the first day of any window of this build, and the last. As literals in a condition they tell the planner how little
        of a table the windows need, which a join with windows does not -#}
    {%- set firsts = [] -%}
    {%- for end_date, lengths in window_days_of(end_dates).items() -%}
        {%- set last = modules.datetime.date.fromisoformat(end_date) -%}
        {%- do firsts.append((last - modules.datetime.timedelta(days=(lengths | max) - 1)).isoformat()) -%}
    {%- endfor -%}
    {%- do return(["cast('" ~ firsts | min ~ "' as date)", "cast('" ~ end_dates | max ~ "' as date)"]) -%}
{% endmacro %}
