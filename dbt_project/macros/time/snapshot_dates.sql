{% macro snapshot_dates() %}
    {#- the end dates of this build: what was asked for, and what a change of names, a deletion or an alias taken back made wrong. The queries are
        written before the condition, so that dbt sees their dependencies while parsing -#}
    {%- set dates = end_dates_asked_for() -%}
    {%- set wrong = [end_dates_with_colliding_names(dates), end_dates_with_lost_work(dates)] -%}
    {%- if is_incremental() -%}
        {%- for query in wrong -%}
            {%- for row in run_query(query) if row[0].isoformat() not in dates -%}
                {%- do dates.append(row[0].isoformat()) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(dates) -%}
{% endmacro %}
