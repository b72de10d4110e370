-- Apart from the listings themselves, of which there are too many to carry their contents along.
select
    account_id,
    captured_at,
    payload as stories
from {{ source('instagram', 'story_listings') }}
where status = 'ok' and {{ is_known('story_listings') }}
