{% macro record_build() %}
    {#- in the transaction of the build itself, so that a killed build is not taken for a finished one.
        --empty builds hold no data: they leave no record, and the next build is a full one -#}
    {%- if model.config.materialized == 'incremental' -%}
        {%- if flags.EMPTY -%}
    delete from {{ model_builds() }} where model_name = '{{ model.name }}'
        {%- else -%}
    insert into {{ model_builds() }} as builds (model_name, built_at, rebuilt_at, relation_oid, rules_version, covers_until)
    values (
        '{{ model.name }}',
        {{ current_time() }},
        {{ current_time() }},
        cast(cast('{{ this }}' as regclass) as oid),
        {{ rules_version() }},
        {{ covers_until() }}
    )
    on conflict (model_name) do update set
        built_at = excluded.built_at,
        {#- a table that was built anew has another oid #}
        rebuilt_at = case when builds.relation_oid = excluded.relation_oid then builds.rebuilt_at else excluded.rebuilt_at end,
        relation_oid = excluded.relation_oid,
        rules_version = excluded.rules_version,
        covers_until = excluded.covers_until
        {%- endif -%}
        {%- if model.config.incremental_strategy == 'replace_snapshots' -%}
    ;
    {#- the strategy does this for all it replaces, but the first build of a table goes without one #}
    {{ record_snapshots(end_dates_asked_for()) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
