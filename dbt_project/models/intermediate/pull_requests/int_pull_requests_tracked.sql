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

{# asked for before the condition, so that dbt sees the macro while parsing #}
{% set has_changed = is_one_of_few('identified.pr_id', 'select changed.pr_id from changed') -%}
{% set has_vanished = is_one_of_few('pr_id', 'select compared.pr_id from compared where compared.is_gone') -%}

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
        accounts.account_id as author_account_id,
        accounts.is_bot as author_is_bot,
        merging_accounts.username as merged_by,
        merging_accounts.account_id as merged_by_account_id,
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
        {{ finished_load('pull_requests.load_id') }} as load_id,
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

{# each imported once more: a CTE that is named twice is written to disk as a whole, texts and all, and read from there by
   one process #}
loaded as (

    select
        pr_id,
        {{ finished_load('load_id') }} as load_id,
        deleted_at is not null as is_deleted

    from {{ ref('stg_github__pull_requests') }}

),

repository_names as (

    select * from {{ ref('int_repositories_named') }}

),

author_names as (

    select * from {{ ref('int_accounts_resolved') }}

),

merger_names as (

    select * from {{ ref('int_accounts_resolved') }}

),

judgements as (

    select * from {{ ref('stg_enrichment__pull_requests') }}

),

compared as (

    select
        coalesce(loaded.pr_id, previous.pr_id) as pr_id,
        loaded.pr_id is null as is_gone

    from loaded
    full outer join {{ this }} as previous
        on loaded.pr_id = previous.pr_id
    left join repository_names
        on previous.repo_id = repository_names.repo_id
    left join author_names
        on previous.author_account_id = author_names.account_id
    left join merger_names
        on previous.merged_by_account_id = merger_names.account_id
    left join judgements
        on previous.pr_id = judgements.pr_id
    where
        {# an equality, because Postgres expects one row in two hundred of it and half of all of any other condition, and
           lets several processes share the comparison only where few rows are to come of it #}
        case
            {# gone from raw altogether; kept here as deleted, so that the marts drop it #}
            when loaded.pr_id is null then {{ '0' if flags.EMPTY else 'cast(not previous.is_deleted as integer)' }}
            when
                previous.pr_id is null
                or loaded.load_id is distinct from previous.load_id
                or loaded.is_deleted is distinct from previous.is_deleted
                or repository_names.repo_name is distinct from previous.repo_name
                or author_names.username is distinct from previous.author
                or author_names.is_bot is distinct from previous.author_is_bot
                or merger_names.username is distinct from previous.merged_by
                or judgements.enriched_at is distinct from previous.enriched_at
                then 1
        end = 1

),

changed as (

    select pr_id from compared
    where not is_gone

    union distinct

    select pr_id from with_renamed_participants

),
{% endif %}

final as (

    select
        identified.*,
        {{ current_time() }} as changed_at

    from identified
    {% if is_incremental() %}
    where {{ has_changed }}

    union all

    select
        pr_id,
        repo_id,
        repo_name,
        pr_number,
        author,
        author_account_id,
        author_is_bot,
        merged_by,
        merged_by_account_id,
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

    from {{ this }}
    where {{ has_vanished }}
    {% endif %}

)

select * from final
