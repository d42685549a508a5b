{# Where does risk gather? Files that risky merges of the last 90 days touched again and again. #}
with

file_changes as (

    select * from {{ ref('file_changes') }}

),

touched as (

    select
        repo_name,
        file_path,
        count(*) as prs_merged,
        count(distinct author) as authors,
        sum(lines_changed) as lines_changed,
        avg(risk) as average_risk,
        max(risk) as highest_risk
    from file_changes
    where
        {{ happened_in_days('merged_at', 90) }}
        and risk >= 4
        and {{ in_repository('file_changes') }}
    group by repo_name, file_path

),

final as (

    select *
    from touched
    order by average_risk * prs_merged desc, repo_name asc, file_path asc
    limit 50

)

select * from final
order by average_risk * prs_merged desc, repo_name asc, file_path asc
