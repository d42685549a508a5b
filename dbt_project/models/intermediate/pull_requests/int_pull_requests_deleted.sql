{#
    changed_at of int_pull_requests_tracked moves again with another name of the author, or when that table is built anew.
    Snapshots that counted a pull request are built again once, when it is gone, so this must not move
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key='pr_id',
        full_refresh=false,
        indexes=[{'columns': ['pr_id'], 'unique': true}],
    )
}}

with

pull_requests as (

    select * from {{ ref('int_pull_requests_tracked') }}
    where is_deleted and {{ only_changed() }}

),

final as (

    select
        pull_requests.pr_id,
        {% if is_incremental() -%}
        coalesce(previous.noticed_at, pull_requests.changed_at) as noticed_at
        {%- else -%}
        pull_requests.changed_at as noticed_at
        {%- endif %}

    from pull_requests
    {% if is_incremental() %}
    left join {{ this }} as previous
        on pull_requests.pr_id = previous.pr_id
    {% endif %}

)

select * from final
