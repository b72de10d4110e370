select
    landing_id,
    account_id,
    metric_group,
    since,
    until,
    captured_at,
    status,
    error_code,
    error_subcode,
    payload,
    content_hash
from {{ source('instagram', 'account_insights') }}
where {{ is_known('account_insights') }}
