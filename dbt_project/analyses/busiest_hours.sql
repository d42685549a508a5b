{# On which days and at which hours (UTC) are pull requests opened and merged? The last 90 days. #}
with

opened as (

    select
        created_at at time zone 'UTC' as happened_at,
        1 as opened,
        0 as merged
    from {{ ref('repo_prs') }}
    where
        {{ happened_in_days('created_at', 90) }}
        and {{ in_repository('repo_prs') }}

),

merged as (

    select
        merged_at at time zone 'UTC' as happened_at,
        0 as opened,
        1 as merged
    from {{ ref('repo_prs') }}
    where
        {{ happened_in_days('merged_at', 90) }}
        and {{ in_repository('repo_prs') }}

),

happenings as (

    select * from opened
    union all
    select * from merged

),

final as (

    {# iso weekday: 1 is Monday #}
    select
        cast(extract(isodow from happened_at) as integer) as weekday,
        cast(extract(hour from happened_at) as integer) as hour_of_day,
        sum(opened) as opened,
        sum(merged) as merged
    from happenings
    group by extract(isodow from happened_at), extract(hour from happened_at)

)

select * from final
order by weekday, hour_of_day
