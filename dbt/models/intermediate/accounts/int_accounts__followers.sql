select distinct on (account_id)
    account_id,
    captured_at,
    followers
from {{ ref('stg_instagram__account_profiles') }}
where followers is not null
order by account_id asc, captured_at desc, content_hash desc
