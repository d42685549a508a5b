{{ config(materialized='view') }}

with

snapshots as (

    select * from {{ ref('author_file_ownership') }}

),

final as (

    select *
    from snapshots
    where end_date = (select max(end_date) from snapshots)

)

select * from final
