select
    account_id,
    since,
    mode
from {{ source('app', 'capture_modes') }}
where since <= {{ as_of() }}
