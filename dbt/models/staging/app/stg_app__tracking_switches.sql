select
    switch_id,
    campaign_id,
    switched_at,
    is_on,
    author,
    reason
from {{ source('app', 'tracking_switches') }}
where switched_at <= {{ as_of() }}
