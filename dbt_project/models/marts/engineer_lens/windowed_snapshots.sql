{{ config(materialized='view') }}

with

{# as built, not as the rows say: a snapshot of days on which nobody did anything has none #}
final as (

    select
        model_name as table_name,
        end_date,
        built_at

    from {{ snapshot_builds() }}

)

select * from final
