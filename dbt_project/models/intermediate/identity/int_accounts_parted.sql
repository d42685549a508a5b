{#
    a snapshot has one row for all the accounts of an author, and cannot tell whose work it was. So what is kept here must
    outlive every rebuild
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='account_id',
        full_refresh=false,
        indexes=[{'columns': ['account_id'], 'unique': true}],
    )
}}

{# built after this table, so that what is built from both covers as much as it does, not less #}
-- depends_on: {{ ref('int_pull_requests_tracked') }}
with

accounts as (

    select * from {{ ref('int_accounts_resolved') }}

),

final as (

    select
        accounts.account_id,
        accounts.author_account_id,
        {% if is_incremental() -%}
        case
            when former_authors.author_account_id <> accounts.author_account_id then accounts.changed_at
            else previous.parted_at
        end as parted_at
        {%- else -%}
        cast(null as timestamptz) as parted_at
        {%- endif %}

    from accounts
    {% if is_incremental() %}
    left join {{ this }} as previous
        on accounts.account_id = previous.account_id
    left join accounts as former_authors
        on previous.author_account_id = former_authors.account_id
    where
        previous.account_id is null
        or previous.author_account_id <> accounts.author_account_id
    {% endif %}

)

select * from final
