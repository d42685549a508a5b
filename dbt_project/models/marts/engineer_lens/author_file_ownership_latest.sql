{{ config(materialized='view') }}

with

snapshots as (

    select * from {{ ref('author_file_ownership') }}

),

newest as (

    select max(end_date) as end_date
    from {{ ref('windowed_snapshots') }}
    where table_name = 'author_file_ownership'

),

final as (

    select *
    from snapshots
    where end_date = (select newest.end_date from newest)

)

{# the view has the columns of its table, which its contract names #}
select * from final -- noqa: AM04
