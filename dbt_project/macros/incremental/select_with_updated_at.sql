{% macro select_with_updated_at(new_rows, key, changed_at='updated_at') %}
    {#- the model's last step: its rows, and when each last changed. A row that says what it said in the table being
        replaced keeps its time, so a rebuild that changes nothing moves none -#}
    {%- set compared = model.columns.keys() | reject('equalto', changed_at) | list -%}
    {%- set previous = load_relation(this) if execute and model.config.materialized != 'unit' else none -%}
    {%- set known = {} -%}
    {%- if previous and previous.type == 'table' -%}
        {%- for column in adapter.get_columns_in_relation(previous) -%}
            {#- dlt's text is character varying, which says the same -#}
            {%- do known.update({column.name: column.data_type | replace('character varying', 'text')}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set alike = namespace(columns=(known | length) == (compared | length) + 1) -%}
    {%- for name in compared -%}
        {%- set wanted = model.columns[name].data_type | replace('timestamptz', 'timestamp with time zone') -%}
        {%- if known.get(name) != wanted -%}{%- set alike.columns = false -%}{%- endif -%}
    {%- endfor -%}
    {%- if not alike.columns %}
    select {{ new_rows }}.*, {{ current_time() }} as {{ changed_at }}
    from {{ new_rows }}
    {%- else %}
    select
        {{ new_rows }}.*,
        case
            when {% for name in compared %}({{ new_rows }}.{{ name }} is not distinct from previous.{{ name }})
            {%- if not loop.last %} and {% endif %}{% endfor %}
                then previous.{{ changed_at }}
            else {{ current_time() }}
        end as {{ changed_at }}
    from {{ new_rows }}
    left join {{ previous }} as previous
        on {% for name in key %}{{ new_rows }}.{{ name }} = previous.{{ name }}{% if not loop.last %} and {% endif %}{% endfor %}
    {%- endif -%}
{% endmacro %}
