{% macro snapshot_dates() %}
    {#- the end dates of this build: what was asked for, and what a change of names made wrong -#}
    {%- set dates = [as_of_date() | string] if not var('backfill_from') else backfill_dates() -%}
    {%- if is_incremental() -%}
        {%- for row in run_query(end_dates_with_colliding_names()) if row[0].isoformat() not in dates -%}
            {%- do dates.append(row[0].isoformat()) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(dates) -%}
{% endmacro %}
