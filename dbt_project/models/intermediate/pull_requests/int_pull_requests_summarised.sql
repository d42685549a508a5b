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

{# bodies run to 65,536 characters and the prose is near their start; what lies behind is not looked at. Every step
   passes all rows on to the next, since a CTE that two others read is written to disk #}
unix_lines as (

    select
        pr_id,
        title,
        body,
        replace(replace(left(body, 8000), E'\r\n', E'\n'), E'\r', E'\n') || E'\n' as text

    from pull_requests
    {{ computed_once() }}

),

{# comments of the template and fenced code, closed or not; one pattern each, since alternatives would match
   greedily. Most bodies have neither, and to look for a word is cheaper than to match a pattern #}
without_comments as (

    select
        pr_id,
        title,
        body,
        case
            when strpos(text, '<!--') = 0 then text
            else {{ replace_all(replace_all('text', "'<!--.*?-->'"), "'<!--.*'") }}
        end as text

    from unix_lines
    {{ computed_once() }}

),

without_blocks as (

    select
        pr_id,
        title,
        body,
        {# tildes fence at the start of a line alone, and may fence backticks -#}
        {% set without_tildes = replace_all("E'\\n' || text", "'\\n~~~.*?\\n~~~[^\\n]*\\n'", "E'\\n'") -%}
        case
            when strpos(text, '~~~') > 0
                then
                    {{ replace_all(
                        replace_all(replace_all(without_tildes, "'\\n~~~.*'"), "'```.*?```'"), "'```.*'"
                    ) }}
            when strpos(text, '```') = 0 then text
            else {{ replace_all(replace_all('text', "'```.*?```'"), "'```.*'") }}
        end as text

    from without_comments

),

{# what stands above the prose in most bodies, by a small pattern #}
without_headings as (

    select
        pr_id,
        title,
        body,
        {{ replace_all('text', "'^(?:[ \\t]*(?:#{1,6}(?:[ \\t][^\\n]*)?)?\\n)+'") }} as text

    from without_blocks
    {{ computed_once() }}

),

{# the whole pattern only where a line starts with a sign of Markdown, or is underlined by the next #}
opening_with_prose as (

    select
        pr_id,
        title,
        body,
        case
            when {{ matches('text', "'^(?:[ \\t]*[-#>|=*+_<!&\\[0-9]|[^\\n]+\\n[ \\t]*[-=])'") }}
                then
                    {{ replace_all(
                        'text',
                        "'^(?:" ~ markdown_line_without_prose() ~ "|[^\\n]+\\n[ \\t]*(?:={3,}|-{3,})[ \\t]*\\n)+'"
                    ) }}
            else text
        end as text

    from without_headings
    {{ computed_once() }}

),

{# up to an empty line; only where a line starts with a sign of Markdown it is worth asking, line by line, if that
   ends the paragraph as well #}
first_paragraphs as (

    select
        pr_id,
        title,
        body,
        case
            when {{ matches("split_part(text, E'\\n\\n', 1)", "'\\n[ \\t]*(?:[-#>|=*+_<!&\\[0-9]|\\n|$)'") }}
                then {{ capture('text', "'^(?:(?!" ~ markdown_line_without_prose() ~ ")[^\\n]+\\n)+'") }}
            else split_part(text, E'\n\n', 1)
        end as text

    from opening_with_prose
    {{ computed_once() }}

),

{# a link keeps its words, and the space of a line break or a hard space stays between them #}
without_markup as (

    select
        pr_id,
        title,
        body,
        {% set without_breaks = replace_all('text', "'<[bB][rR][ ]*/?>|&nbsp;'", "' '") -%}
        {% set without_tags = replace_all(without_breaks, "'" ~ markdown_markup() ~ "'") -%}
        trim(translate(
            case
                when strpos(text, '](') = 0 and strpos(text, '<') = 0 and strpos(text, '&nbsp;') = 0 then text
                else {{ replace_all(without_tags, "'\\[([^]\\n]*)\\][(][^)\\n]*[)]'", "'\\1'") }}
            end,
            E'\n\t',
            '  '
        )) as text

    from first_paragraphs
    {{ computed_once() }}

),

{# a word that does not fit into 600 characters is left out whole, unless it is the only one #}
cut as (

    select
        pr_id,
        title,
        body,
        case
            when length(text) <= 600 then text
            when strpos(left(text, 601), ' ') = 0 then left(text, 600)
            else left(text, 601 - strpos(reverse(left(text, 601)), ' '))
        end as text

    from without_markup

),

{# a judgement of a text that was edited since is out of date; few texts have one, and only theirs are hashed #}
judged as (

    select
        cut.pr_id,
        cut.text,
        enrichments.summary,
        enrichments.is_feature_by_model,
        enrichments.feature_confidence_by_model,
        case
            when enrichments.content_sha256 is not null
                then
                    enrichments.content_sha256
                    = {{ sha256_hex("cut.title || E'\n\n' || coalesce(cut.body, '')") }}
            else false
        end as is_up_to_date

    from cut
    left join enrichments
        on cut.pr_id = enrichments.pr_id

),

final as (

    select
        pr_id,
        coalesce(
            case when is_up_to_date then summary end,
            nullif(
                case
                    when strpos(text, '  ') = 0 then text
                    else {{ replace_all('text', "' {2,}'", "' '") }}
                end,
                ''
            )
        ) as pr_summary,
        case when is_up_to_date then is_feature_by_model end as is_feature_by_model,
        case when is_up_to_date then feature_confidence_by_model end as feature_confidence_by_model

    from judged

)

select * from final
