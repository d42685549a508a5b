with

source as (

    {{ source_or_empty(
        source('raw_github', 'sync_runs'),
        {
            'run_id': 'text',
            'repository': 'text',
            'step': 'text',
            'started_at': 'timestamptz',
            'finished_at': 'timestamptz',
            'status': 'text',
            'listed': 'bigint',
            'hydrated': 'bigint',
            'deleted': 'bigint',
            'row_count': 'bigint',
            'requests': 'bigint',
            'points': 'bigint',
            'waited_seconds': 'double precision',
            'error': 'text'
        }
    ) }}

),

renamed as (

    select
        run_id,

        repository as repo_name,
        step,
        status,
        error,

        cast(listed as bigint) as listed_count,
        cast(hydrated as bigint) as hydrated_count,
        cast(deleted as bigint) as deleted_count,
        cast(row_count as bigint) as row_count,
        cast(requests as bigint) as request_count,
        cast(points as bigint) as points,
        cast(waited_seconds as double precision) as waited_seconds,

        started_at,
        finished_at

    from source

)

select * from renamed
