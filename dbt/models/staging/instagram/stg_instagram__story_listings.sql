select
    account_id,
    {{ utc_date('captured_at') }} as date,
    captured_at,
    status,
    cause
from {{ source('instagram', 'story_listings') }}
where {{ is_known('story_listings') }}
union all
-- Of the days that retention dropped.
select
    days.account_id,
    days.day as date,
    moments.captured_at,
    days.status,
    days.cause
from {{ source('instagram', 'listing_days') }} as days
cross join lateral unnest(days.captured_at) as moments (captured_at)
where moments.captured_at <= {{ as_of() }}
