{% macro prepare_warehouse() %}
    create schema if not exists intermediate;
    create table if not exists {{ model_builds() }} (
        model_name text primary key,
        built_at timestamptz not null,
        rebuilt_at timestamptz not null,
        relation_oid oid not null,
        rules_version text not null,
        covers_until timestamptz not null
    );
    create table if not exists {{ snapshot_builds() }} (
        model_name text,
        end_date date,
        built_at timestamptz not null,
        covers_until timestamptz not null,
        version text not null,
        primary key (model_name, end_date)
    );
    {#- of a warehouse that is older than the column; asked first, since to alter a table waits for all who read it -#}
    do $$
    begin
        if not exists (
            select from pg_catalog.pg_attribute
            where attrelid = cast('{{ snapshot_builds() }}' as regclass) and attname = 'window_days'
        ) then
            alter table {{ snapshot_builds() }}
            add column window_days integer[] not null default '{{ '{' ~ window_days_asked_for() | join(', ') ~ '}' }}';
        end if;
    end $$;
    {{ create_analyst_role() }}
    {{ grant_marts_to_analyst() }}
    {{ index_raw_children() }}
{% endmacro %}
