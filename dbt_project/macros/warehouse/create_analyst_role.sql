{% macro create_analyst_role() %}
    do $$
    begin
        if not exists (select from pg_roles where rolname = 'analyst')
            and exists (select from pg_roles where rolname = current_user and (rolcreaterole or rolsuper))
        then
            create role analyst nologin;
        end if;
    exception
        -- another build of the same server was quicker
        when duplicate_object or unique_violation then null;
    end
    $$;
{% endmacro %}
