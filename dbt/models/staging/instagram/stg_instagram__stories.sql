select
    story_id,
    content_hash,
    account_id,
    captured_at,
    (payload ->> 'timestamp')::timestamptz as posted_at,
    payload ->> 'media_type' as media_type,
    payload ->> 'permalink' as permalink,
    payload ->> 'caption' as caption,
    payload ->> 'username' as username
from {{ source('instagram', 'stories') }}
where {{ is_known('stories') }}
