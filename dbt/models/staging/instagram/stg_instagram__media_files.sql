select
    story_id,
    kind,
    captured_at,
    account_id,
    status,
    cause,
    content_hash,
    content_type,
    size_bytes,
    path
from {{ source('instagram', 'media_files') }}
where {{ is_known('media_files') }}
