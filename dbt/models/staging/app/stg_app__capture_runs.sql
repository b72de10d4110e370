select
    run_id,
    clock_at,
    status,
    causes
from {{ source('app', 'runs') }}
where kind = 'capture' and finished_at <= {{ as_of() }}
