{% macro backfill_dates() %}
    {%- if not var('backfill_to') or var('backfill_every_days') | int < 1 -%}
        {%- do exceptions.raise_compiler_error(
            'a backfill needs backfill_from, backfill_to and backfill_every_days of at least 1; got '
            ~ var('backfill_from') ~ ', ' ~ var('backfill_to') ~ ', ' ~ var('backfill_every_days')
        ) -%}
    {%- endif -%}
    {%- set first = modules.datetime.date.fromisoformat(date_asked_for('backfill_from')) -%}
    {%- set last = modules.datetime.date.fromisoformat(date_asked_for('backfill_to')) -%}
    {%- set dates = [] -%}
    {%- for offset in range(0, (last - first).days + 1, var('backfill_every_days') | int) -%}
        {%- do dates.append((first + modules.datetime.timedelta(days=offset)).isoformat()) -%}
    {%- endfor -%}
    {%- do return(dates) -%}
{% endmacro %}
