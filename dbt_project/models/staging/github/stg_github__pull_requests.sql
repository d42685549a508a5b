with

source as (

    select * from {{ source('raw_github', 'pull_requests') }}

),

renamed as (

    select
        id as pr_id,
        node_id,
        repository_id as repo_id,
        author_id as author_account_id,
        merged_by_id as merged_by_account_id,
        milestone_id,

        title,
        body,
        {{ lower_ascii('state') }} as state,
        author_association,
        {{ lower_ascii('review_decision') }} as review_decision,
        base_ref_name,
        base_ref_oid,
        head_ref_name,
        head_ref_oid,
        head_repository,
        merge_commit_oid,
        milestone_title,
        url,

        cast(number as integer) as pr_number,
        cast(milestone_number as integer) as milestone_number,
        cast(additions as integer) as additions,
        cast(deletions as integer) as deletions,
        cast(changed_files as integer) as changed_files,
        cast(files_total as integer) as files_total,
        cast(commits_total as integer) as commits_total,
        cast(reviews_total as integer) as reviews_total,
        cast(review_threads_total as integer) as review_threads_total,
        cast(comments_total as integer) as comments_total,
        cast(labels_total as integer) as labels_total,
        cast(assignees_total as integer) as assignees_total,
        cast(review_requests_total as integer) as review_requests_total,
        cast(closing_issues_total as integer) as closing_issues_total,
        cast(events_total as integer) as events_total,

        is_draft,
        is_locked,
        is_cross_repository,

        milestone_due_on,
        created_at,
        updated_at,
        last_edited_at,
        closed_at,
        merged_at,
        deleted_at,

        _dlt_load_id as load_id

    from source

)

select * from renamed
