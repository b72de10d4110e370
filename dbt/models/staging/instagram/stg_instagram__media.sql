select
    landing_id,
    media_id as post_id,
    content_hash,
    account_id,
    captured_at,
    (payload ->> 'timestamp')::timestamptz as posted_at,
    payload ->> 'media_product_type' as media_product_type,
    payload ->> 'media_type' as media_type,
    payload ->> 'permalink' as permalink,
    payload ->> 'caption' as caption
from {{ source('instagram', 'media') }}
where {{ is_known('media') }}
