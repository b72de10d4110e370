select
    -- What was before the first one that was written down is taken to have been the same.
    case when row_number() over by_time = 1 then '-infinity' else since end as starts_at,
    lead(since, 1, 'infinity') over by_time as ends_at,
    seconds
from {{ source('app', 'listing_cadences') }}
where since <= {{ as_of() }}
window by_time as (order by since)
