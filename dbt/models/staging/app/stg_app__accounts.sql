select
    account_id,
    creator_id,
    ig_user_id,
    username,
    added_at
from {{ source('app', 'accounts') }}
