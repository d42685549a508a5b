{% macro end_dates_with_colliding_names(other_than) %}
    {#- the end dates in which a rename meets another author or repository of the same name: two accounts became one author,
        or two exchanged their names. Such a snapshot is built again; in every other one the rows just change their names -#}
    with names as (
        {{ names_in_snapshots(other_than) }}
    )

    select distinct stale.end_date
    from names as stale
    inner join names as others
        on
            stale.end_date = others.end_date
            and (stale.account_id, stale.repo_id) <> (others.account_id, others.repo_id)
            and (stale.current_username, stale.current_repo_name) in (
                (others.username, others.repo_name), (others.current_username, others.current_repo_name)
            )
    where (stale.username, stale.repo_name) <> (stale.current_username, stale.current_repo_name)
{%- endmacro %}
