{{ config(materialized='view') }}

with

snapshots as (

    select * from {{ ref('author_metrics_window') }}

),

final as (

    select *
    from snapshots
    where end_date = (select max(end_date) from snapshots)

)

select * from final
