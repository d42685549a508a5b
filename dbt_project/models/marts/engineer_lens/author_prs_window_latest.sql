{{ config(materialized='view') }}

with

snapshots as (

    select * from {{ ref('author_prs_window') }}

),

newest as (

    select max(end_date) as end_date
    from {{ ref('windowed_snapshots') }}
    where table_name = 'author_prs_window'

),

final as (

    select *
    from snapshots
    where end_date = (select newest.end_date from newest)

)

{# the view has the columns of its table, which its contract names #}
select * from final -- noqa: AM04
