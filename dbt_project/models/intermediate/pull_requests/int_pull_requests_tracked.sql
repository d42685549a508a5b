{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='pr_id',
        indexes=[
            {'columns': ['pr_id'], 'unique': true},
            {'columns': ['changed_at']},
            {'columns': ['created_at']},
            {'columns': ['merged_at']},
        ],
    )
}}

with

pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}

),

repositories as (

    select * from {{ ref('int_repositories_named') }}

),

accounts as (

    select * from {{ ref('int_accounts_resolved') }}

),

enrichments as (

    select * from {{ ref('stg_enrichment__pull_requests') }}

),

{# read by incremental builds alone -#}
participations as (  -- noqa: ST03

    select
        pr_id,
        author_account_id

    from {{ ref('stg_github__pull_request_reviews') }}

    union all

    select
        pr_id,
        author_account_id

    from {{ ref('stg_github__pull_request_comments') }}

    union all

    select
        pr_id,
        author_account_id

    from {{ ref('stg_github__pull_request_review_comments') }}

),

identified as (

    select
        pull_requests.pr_id,
        pull_requests.repo_id,
        repositories.repo_name,
        pull_requests.pr_number,
        accounts.username as author,
        accounts.is_bot as author_is_bot,
        merging_accounts.username as merged_by,
        pull_requests.title,
        pull_requests.state,
        pull_requests.is_draft,
        pull_requests.url,
        pull_requests.additions,
        pull_requests.deletions,
        pull_requests.changed_files,
        pull_requests.created_at,
        pull_requests.merged_at,
        pull_requests.closed_at,
        pull_requests.deleted_at is not null as is_deleted,
        pull_requests.load_id,
        enrichments.enriched_at

    from pull_requests
    inner join repositories
        on pull_requests.repo_id = repositories.repo_id
    inner join accounts
        on coalesce(pull_requests.author_account_id, 0) = accounts.account_id
    left join accounts as merging_accounts
        on
            pull_requests.merged_at is not null
            and coalesce(pull_requests.merged_by_account_id, 0) = merging_accounts.account_id
    left join enrichments
        on pull_requests.pr_id = enrichments.pr_id

),

{% if is_incremental() %}
renamed_accounts as (

    select account_id
    from accounts
    where changed_at > {{ last_built_at() }}

),

{# whoever answers as somebody else, or is known as a bot now, changes what counts as a response #}
with_renamed_participants as (

    select participations.pr_id
    from participations
    inner join renamed_accounts
        on participations.author_account_id = renamed_accounts.account_id

),

{# imported again, since a CTE that is named twice is written to disk as a whole, texts and all #}
still_there as (

    select pr_id
    from {{ ref('stg_github__pull_requests') }}

),

{# gone from raw altogether; kept here as deleted, so that the marts drop it #}
vanished as (

    select previous.*
    from {{ this }} as previous
    left join still_there
        on previous.pr_id = still_there.pr_id
    where
        still_there.pr_id is null
        and not previous.is_deleted
        and {{ 'false' if flags.EMPTY else 'true' }}

),
{% endif %}

final as (

    select
        identified.*,
        {{ current_time() }} as changed_at

    from identified
    {% if is_incremental() %}
    left join {{ this }} as previous
        on identified.pr_id = previous.pr_id
    where
        previous.pr_id is null
        or identified.load_id is distinct from previous.load_id
        or identified.repo_name is distinct from previous.repo_name
        or identified.author is distinct from previous.author
        or identified.author_is_bot is distinct from previous.author_is_bot
        or identified.merged_by is distinct from previous.merged_by
        or identified.is_deleted is distinct from previous.is_deleted
        or identified.enriched_at is distinct from previous.enriched_at
        or identified.pr_id in (select with_renamed_participants.pr_id from with_renamed_participants)

    union all

    select
        pr_id,
        repo_id,
        repo_name,
        pr_number,
        author,
        author_is_bot,
        merged_by,
        title,
        state,
        is_draft,
        url,
        additions,
        deletions,
        changed_files,
        created_at,
        merged_at,
        closed_at,
        true as is_deleted,
        load_id,
        enriched_at,
        {{ current_time() }} as changed_at

    from vanished
    {% endif %}

)

select * from final
