{% macro grant_marts_to_analyst() %}
    {#- before the build, and for the tables to come as well: a table that is built anew can be read at once, also when
        the build is killed after it #}
    do $$
    begin
        if exists (select from pg_roles where rolname = 'analyst')
            and exists (select from pg_namespace where nspname = 'marts')
        then
            grant usage on schema marts to analyst;
            grant select on all tables in schema marts to analyst;
            alter default privileges in schema marts grant select on tables to analyst;
        end if;
    end
    $$;
{% endmacro %}
