with

source as (

    {{ source_or_empty(
        source('raw_enrichment', 'pull_requests'),
        {
            'pr_id': 'bigint',
            'content_sha256': 'text',
            'summary': 'text',
            'ai_feature': 'boolean',
            'ai_feature_confidence': 'double precision',
            'risk_notes': 'text',
            'model': 'text',
            'enriched_at': 'timestamptz'
        }
    ) }}

),

renamed as (

    select
        pr_id,

        content_sha256,
        summary,
        cast(risk_notes as text) as risk_notes,
        model as model_name,

        ai_feature as is_feature_by_model,
        cast(ai_feature_confidence as double precision) as feature_confidence_by_model,

        enriched_at

    from source

)

select * from renamed
