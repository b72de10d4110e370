select
    event_id,
    account_id,
    happened_at,
    status,
    reason
from {{ source('app', 'connection_events') }}
where happened_at <= {{ as_of() }}
