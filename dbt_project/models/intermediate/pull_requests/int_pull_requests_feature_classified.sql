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

    select
        pr_id,
        author_is_bot,
        {{ title_key('title') }} as title_key

    from {{ ref('int_pull_requests_tracked') }}
    where not is_deleted and {{ only_changed() }}
    {{ computed_once() }}

),

labels as (

    select * from {{ ref('stg_github__pull_request_labels') }}
    where {{ only_changed() }}

),

risks as (

    select * from {{ ref('int_pull_requests_risk_scored') }}
    where {{ only_changed() }}

),

feature_rules as (

    select * from {{ ref('feature_rules') }}

),

outcomes as (

    select
        step,
        max(rule) as rule,
        max(confidence) as confidence

    from feature_rules
    group by step

),

{# conditions without words of their own, and the words that titles are searched for, in one row #}
conditions as (

    select
        min(step) filter (where scope = 'author' and word = 'bot') as bot_step,
        min(step) filter (where scope = 'files' and word = 'documentation or test') as files_step,
        min(step) filter (where scope = 'labels' and word = 'none') as no_labels_step,
        min(step) filter (where scope = 'otherwise') as otherwise_step,
        min(step) filter (where scope = 'title_start') as start_step,
        min(step) filter (where scope = 'title_word') as word_step,
        {{ word_pattern("string_agg(word, '|') filter (where scope = 'title_start')", starts=true) }} as start_pattern,
        {{ word_pattern("string_agg(word, '|') filter (where scope = 'title_word')") }} as word_pattern

    from feature_rules

),

{# organisations have few labels, and stick them on everything #}
label_names as (

    select distinct label_name
    from labels

),

label_keys as (

    select
        label_name,
        {{ label_key('label_name') }} as label_key

    from label_names

),

label_steps as (

    select
        label_keys.label_name,
        min(feature_rules.step) as step

    from label_keys
    left join feature_rules
        on
            feature_rules.scope = 'label'
            and label_keys.label_key = feature_rules.word
    group by label_keys.label_name

),

labelled as (

    select
        labels.pr_id,
        min(label_steps.step) as step,
        {{ json_array(
            json_object({'name': 'labels.label_name', 'color': 'labels.label_color'}),
            order_by='labels.label_name collate "C"'
        ) }} as labels_full

    from labels
    inner join label_steps
        on labels.label_name = label_steps.label_name
    group by labels.pr_id

),

{# what needs no search in the title #}
settled as (

    select
        pull_requests.pr_id,
        pull_requests.title_key,
        coalesce(labelled.labels_full, {{ empty_json_array() }}) as labels_full,
        conditions.start_step,
        conditions.word_step,
        conditions.start_pattern,
        conditions.word_pattern,
        least(
            labelled.step,
            case when pull_requests.author_is_bot then conditions.bot_step end,
            case when risks.is_documentation_or_tests then conditions.files_step end,
            title_types.step,
            case when labelled.pr_id is null then conditions.no_labels_step end,
            conditions.otherwise_step
        ) as step

    from pull_requests
    cross join conditions
    left join labelled
        on pull_requests.pr_id = labelled.pr_id
    left join risks
        on pull_requests.pr_id = risks.pr_id
    left join feature_rules as title_types
        on
            title_types.scope = 'title_type'
            and {{ capture('pull_requests.title_key', "'^([a-z][a-z0-9]*)([(][^)]*[)])?!?:'") }} = title_types.word

),

{# a search is the dearest question, so it is asked only where its answer would come before what is settled #}
stepped as (

    select
        pr_id,
        labels_full,
        least(
            step,
            case
                when step <= start_step then null
                when {{ matches('title_key', 'start_pattern') }} then start_step
            end,
            case
                when step <= word_step then null
                when {{ matches('title_key', 'word_pattern') }} then word_step
            end
        ) as step

    from settled

),

final as (

    select
        stepped.pr_id,
        stepped.labels_full,
        outcomes.rule as feature_rule,
        cast(outcomes.confidence as double precision) as feature_confidence,
        outcomes.confidence >= {{ var('feature_min_confidence') }} as is_feature

    from stepped
    inner join outcomes
        on stepped.step = outcomes.step

)

select * from final
