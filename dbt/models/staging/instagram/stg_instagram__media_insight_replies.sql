select
    landing_id,
    media_id as post_id,
    metric_group,
    captured_at,
    account_id,
    status,
    error_code,
    error_subcode,
    payload,
    content_hash
from {{ source('instagram', 'media_insights') }}
where {{ is_known('media_insights') }}
