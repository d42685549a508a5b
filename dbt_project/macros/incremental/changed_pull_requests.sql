{% macro changed_pull_requests() %}
    {#- the pull requests whose rows in this model may no longer be right: they changed, or somebody who took part in
        them goes by another name, and this model, or one that it reads, was not built since -#}
    (
        select pr_id
        from {{ ref('int_pull_requests_tracked') }}
        where changed_at > {{ last_built_at('covers_until') }}
    )
{%- endmacro %}
