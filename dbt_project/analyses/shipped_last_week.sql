{# What shipped in the last seven days? Features first, the surest first. #}
with

repo_prs as (

    select * from {{ ref('repo_prs') }}

),

final as (

    select
        repo_name,
        merged_at,
        title,
        author,
        is_feature,
        feature_confidence,
        risk_band,
        additions + deletions as lines_changed,
        pr_summary,
        url
    from repo_prs
    where
        {{ happened_in_days('merged_at', 7) }}
        and {{ in_repository('repo_prs') }}

)

select * from final
order by is_feature desc, feature_confidence desc, merged_at desc, url asc
