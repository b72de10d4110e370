select
    account_id,
    captured_at,
    status,
    cause
from {{ source('instagram', 'story_listings') }}
where captured_at <= {{ as_of() }}
