select
    load_id,
    inserted_at as finished_at

from {{ source('raw_github', '_dlt_loads') }}
where status = 0
