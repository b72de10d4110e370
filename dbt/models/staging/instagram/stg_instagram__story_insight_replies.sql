select
    story_id,
    metric_group,
    captured_at,
    account_id,
    status,
    payload,
    content_hash
from {{ source('instagram', 'story_insights') }}
where captured_at <= {{ as_of() }}
