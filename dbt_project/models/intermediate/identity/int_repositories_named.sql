with

repositories as (

    select * from {{ ref('stg_github__repositories') }}

),

{# two repositories can show one name for a while: the old one was renamed or deleted, a new one took its name, and
   the old one has not been read since. The one that was read last has the name #}
ranked as (

    select
        *,
        row_number() over (
            partition by {{ lower_ascii('repo_name') }}
            order by unreadable_at is null desc, load_id desc, repo_id desc
        ) as name_rank

    from repositories

),

final as (

    select
        repo_id,
        case when name_rank = 1 then repo_name else repo_name || '@' || repo_id end as repo_name,
        unreadable_at

    from ranked

)

select * from final
