select
    account_id,
    captured_at,
    payload ->> 'username' as username,
    {{ json_count("payload -> 'followers_count'") }} as followers,
    {{ json_count("payload -> 'follows_count'") }} as follows,
    {{ json_count("payload -> 'media_count'") }} as posts,
    content_hash
from {{ source('instagram', 'account_profiles') }}
where {{ is_known('account_profiles') }}
