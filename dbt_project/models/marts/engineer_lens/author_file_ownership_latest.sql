{{ config(materialized='view') }}

with

snapshots as (

    select * from {{ ref('author_file_ownership') }}

),

newest as (

    select max(end_date) as end_date
    from snapshots

),

final as (

    select snapshots.*
    from snapshots
    inner join newest
        on snapshots.end_date = newest.end_date

)

{# the view has the columns of its table, which its contract names #}
select * from final -- noqa: AM04
