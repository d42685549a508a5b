{{ config(materialized='view') }}

{# every step names its text once: Postgres folds the steps into one expression, and would compute again what is named twice #}
with

pull_requests as (

    select * from {{ ref('stg_github__pull_requests') }}

),

enrichments as (

    select * from {{ ref('stg_enrichment__pull_requests') }}

),

{# bodies run to 65,536 characters and the prose is near their start; what lies behind is not looked at #}
unix_lines as (

    select
        pr_id,
        replace(replace(left(body, 8000), E'\r\n', E'\n'), E'\r', E'\n') || E'\n' as text

    from pull_requests

),

{# comments of the template and fenced code, closed or not; one pattern each, since alternatives would match greedily #}
without_blocks as (

    select
        pr_id,
        {% set without_comments = replace_all(replace_all('text', "'<!--.*?-->'"), "'<!--.*'") -%}
        {{ replace_all(replace_all(without_comments, "'```.*?```'"), "'```.*'") }} as text

    from unix_lines

),

opening_with_prose as (

    select
        pr_id,
        {{ replace_all(
            'text',
            "'^(?:" ~ markdown_line_without_prose() ~ "|[^\\n]+\\n[ \\t]*(?:={3,}|-{3,})[ \\t]*\\n)+'"
        ) }} as text

    from without_blocks

),

first_paragraphs as (

    select
        pr_id,
        {{ capture('text', "'^(?:(?!" ~ markdown_line_without_prose() ~ ")[^\\n]+\\n)+'") }} as text

    from opening_with_prose

),

{# a link keeps its words #}
plain as (

    select
        pr_id,
        {% set without_markup = replace_all('text', "'" ~ markdown_markup() ~ "'") -%}
        {% set without_targets = replace_all(without_markup, "'\\[([^]\\n]*)\\][(][^)\\n]*[)]'", "'\\1'") -%}
        trim({{ replace_all("translate(" ~ without_targets ~ ", E'\\n\\t', '  ')", "' {2,}'", "' '") }}) as text

    from first_paragraphs

),

{# a word that does not fit into 600 characters is left out whole, unless it is the only one; the space behind the text is
   what is cut off where all of it fits #}
cut as (

    select
        pr_id,
        nullif(left({{ replace_all("left(text || ' ', 601)", "' [^ ]*$'") }}, 600), '') as text

    from plain

),

final as (

    select
        cut.pr_id,
        coalesce(enrichments.summary, cut.text) as pr_summary,
        enrichments.is_feature_by_model,
        enrichments.feature_confidence_by_model

    from cut
    left join enrichments
        on cut.pr_id = enrichments.pr_id

)

select * from final
