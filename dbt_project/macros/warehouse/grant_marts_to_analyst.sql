{% macro grant_marts_to_analyst() %}
    do $$
    begin
        if exists (select from pg_roles where rolname = 'analyst')
            and exists (select from pg_namespace where nspname = 'marts')
        then
            grant usage on schema marts to analyst;
            grant select on all tables in schema marts to analyst;
        end if;
    end
    $$;
{% endmacro %}
