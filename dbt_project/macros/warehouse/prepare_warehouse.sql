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
        window_days integer[] not null,
        built_at timestamptz not null,
        covers_until timestamptz not null,
        version text not null,
        primary key (model_name, end_date)
    );
    {{ create_analyst_role() }}
    {{ grant_marts_to_analyst() }}
    {{ index_raw_children() }}
{% endmacro %}
