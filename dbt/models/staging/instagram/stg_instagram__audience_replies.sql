select
    landing_id,
    account_id,
    metric,
    dimension,
    timeframe,
    captured_at,
    status,
    error_code,
    error_subcode,
    payload,
    content_hash
from {{ source('instagram', 'audience') }}
where {{ is_known('audience') }}
