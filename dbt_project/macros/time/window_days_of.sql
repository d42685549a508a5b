{% macro window_days_of(end_dates) %}
    {#- end date to the lengths of its windows: what was asked for has those of the var, a snapshot that is built again
        because it turned out wrong has those that it was built with -#}
    {%- set lengths = {} -%}
    {%- for end_date in end_dates -%}
        {%- do lengths.update({end_date: window_days_asked_for()}) -%}
    {%- endfor -%}
    {%- set others = end_dates | reject('in', end_dates_asked_for()) | list -%}
    {%- if others -%}
        {%- set built = run_query(
            "select end_date, array_to_string(window_days, ' ') from " ~ snapshot_builds()
            ~ " where model_name = '" ~ model.name ~ "' and end_date in ('" ~ others | join("', '") ~ "')"
        ) -%}
        {%- for row in built -%}
            {%- do lengths.update({row[0].isoformat(): (row[1] | string).split(' ') | map('int') | list}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(lengths) -%}
{% endmacro %}
