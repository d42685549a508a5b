{# a table of its own, since the authors wait for the snapshots and this can be summed meanwhile #}
with

appearances as (

    select * from {{ ref('int_author_appearances') }}

),

final as (

    select
        username,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at

    from appearances
    group by username

)

select * from final
