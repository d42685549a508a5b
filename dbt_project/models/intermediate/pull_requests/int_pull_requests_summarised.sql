{{
    config(
        materialized='incremental',
        incremental_strategy='replace_pull_requests',
        unique_key='pr_id',
        indexes=[{'columns': ['pr_id'], 'unique': true}],
    )
}}

with

pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}
    where deleted_at is null and {{ only_changed() }}

),

enrichments as (

    select * from {{ ref('stg_enrichment__pull_requests') }}

),

{# bodies run to 65,536 characters and the prose is near their start; what lies behind is not looked at #}
unix_lines as {{ computed_once() }} (

    select
        pr_id,
        replace(replace(left(body, 8000), E'\r\n', E'\n'), E'\r', E'\n') || E'\n' as text

    from pull_requests
    where body is not null

),

{# comments of the template and fenced code, closed or not; one pattern each, since alternatives would match
   greedily. Most bodies have neither, and to look for a word is cheaper than to match a pattern #}
without_comments as {{ computed_once() }} (

    select
        pr_id,
        case
            when strpos(text, '<!--') = 0 then text
            else {{ replace_all(replace_all('text', "'<!--.*?-->'"), "'<!--.*'") }}
        end as text

    from unix_lines

),

without_blocks as (

    select
        pr_id,
        case
            when strpos(text, '```') = 0 then text
            else {{ replace_all(replace_all('text', "'```.*?```'"), "'```.*'") }}
        end as text

    from without_comments

),

opening_with_prose as {{ computed_once() }} (

    select
        pr_id,
        {{ replace_all(
            'text',
            "'^(?:" ~ markdown_line_without_prose() ~ "|[^\\n]+\\n[ \\t]*(?:={3,}|-{3,})[ \\t]*\\n)+'"
        ) }} as text

    from without_blocks

),

{# up to an empty line; only where a line starts with a sign of Markdown it is worth asking, line by line, if that
   ends the paragraph as well #}
first_paragraphs as {{ computed_once() }} (

    select
        pr_id,
        case
            when {{ matches("split_part(text, E'\\n\\n', 1)", "'\\n[ \\t]*(?:[-#>|=*+_<!\\[0-9]|\\n|$)'") }}
                then {{ capture('text', "'^(?:(?!" ~ markdown_line_without_prose() ~ ")[^\\n]+\\n)+'") }}
            else split_part(text, E'\n\n', 1)
        end as text

    from opening_with_prose

),

{# a link keeps its words #}
without_markup as {{ computed_once() }} (

    select
        pr_id,
        {% set without_tags = replace_all('text', "'" ~ markdown_markup() ~ "'") -%}
        trim(translate(
            case
                when strpos(text, '](') = 0 and strpos(text, '<') = 0 then text
                else {{ replace_all(without_tags, "'\\[([^]\\n]*)\\][(][^)\\n]*[)]'", "'\\1'") }}
            end,
            E'\n\t',
            '  '
        )) as text

    from first_paragraphs

),

{# a word that does not fit into 600 characters is left out whole, unless it is the only one #}
cut as (

    select
        pr_id,
        case
            when length(text) <= 600 then text
            else left({{ replace_all('left(text, 601)', "' [^ ]*$'") }}, 600)
        end as text

    from without_markup

),

final as (

    select
        pull_requests.pr_id,
        coalesce(
            enrichments.summary,
            nullif(
                case
                    when strpos(cut.text, '  ') = 0 then cut.text
                    else {{ replace_all('cut.text', "' {2,}'", "' '") }}
                end,
                ''
            )
        ) as pr_summary,
        enrichments.is_feature_by_model,
        enrichments.feature_confidence_by_model

    from pull_requests
    left join cut
        on pull_requests.pr_id = cut.pr_id
    {# a judgement of a text that was edited since is out of date #}
    left join enrichments
        on
            pull_requests.pr_id = enrichments.pr_id
            and enrichments.content_sha256
            = {{ sha256_hex("pull_requests.title || E'\n\n' || coalesce(pull_requests.body, '')") }}

)

select * from final
