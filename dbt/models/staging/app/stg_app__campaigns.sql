select
    campaign_id,
    brand_id,
    name,
    starts_at,
    ends_at,
    cost,
    currency,
    scope
from {{ as_known('campaigns') }} as campaigns
