{{ config(materialized='view', post_hook=[]) }}

with

pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}

),

enrichments as (

    select * from {{ ref('stg_enrichment__pull_requests') }}

),

{# bodies run to 65,536 characters and the prose is near their start; what lies behind is not looked at #}
lines_ended as (

    select
        pr_id,
        title,
        body,
        {{ replace_all('left(body, 8000)', "'\\r\\n?'", "E'\\n'") }} as text

    from pull_requests

),

{# what spans lines: comments of the template, and fenced code #}
without_blocks as (

    select
        pr_id,
        title,
        body,
        case
            when {{ matches('text', "'<!--|```|~~~'") }}
                then {{ replace_all('text', "'<!--.*?(-->|$)|```.*?(```|$)|~~~.*?(~~~|$)'") }}
            else text
        end as text

    from lines_ended

),

{# what stands between words: badges, images and tags; a link keeps its words #}
without_markup as (

    select
        pr_id,
        title,
        body,
        case
            when {{ matches('text', "'[]<]'") }}
                then {{ replace_all(
                    replace_all('text', "'\\[!\\[[^]]*\\]([(][^)]*[)]|\\[[^]]*\\])?\\]([(][^)]*[)]|\\[[^]]*\\])?|!\\[[^]]*\\]([(][^)]*[)]|\\[[^]]*\\])|</?[a-zA-Z][^>]*>'"),
                    "'\\[([^]]*)\\][(][^)]*[)]'",
                    "'\\1'"
                ) }}
            else text
        end as text

    from without_blocks

),

{# what takes a line: headings, quotes, check lists, rules and tables; each leaves an empty line, which ends a paragraph #}
prose as (

    select
        pr_id,
        title,
        body,
        {{ replace_all(
            replace_all(
                "E'\\n' || text",
                "'\\n[^\\n]+\\n[ ]*(={3,}|-{3,})[ ]*(?=\\n|$)'",
                "E'\\n'"
            ),
            "'\\n[ \\t]*(#{1,6}([ \\t][^\\n]*)?|>[^\\n]*|[-*+][ \\t]+\\[[ xX]\\][^\\n]*|[-*_=]{3,}[ \\t]*|\\|[^\\n]*)(?=\\n|$)'",
            "E'\\n'"
        ) }} as text

    from without_markup

),

first_paragraphs as (

    select
        pr_id,
        title,
        body,
        {{ replace_all(
            capture('text', "'^\\s*(\\S(?:[^\\n]|\\n(?![ \\t]*\\n))*)'"),
            "'\\s+'",
            "' '"
        ) }} as text

    from prose

),

{# a word that does not fit is left out whole, unless it is the only one #}
final as (

    select
        first_paragraphs.pr_id,
        coalesce(
            enrichments.summary,
            nullif(trim(
                case
                    when length(first_paragraphs.text) <= 600 then first_paragraphs.text
                    when strpos(left(first_paragraphs.text, 601), ' ') = 0 then left(first_paragraphs.text, 600)
                    else {{ capture('left(first_paragraphs.text, 601)', "'^(.*) '") }}
                end
            ), '')
        ) as pr_summary,
        enrichments.is_feature_by_model,
        enrichments.feature_confidence_by_model

    from first_paragraphs
    left join enrichments
        on first_paragraphs.pr_id = enrichments.pr_id

)

select * from final
