with

final as (

    select days.day
    from {{ days_between("date '2008-01-01'", "date '2037-12-31'") }} as days

)

select * from final
