select
    campaign_id,
    brand_id,
    name,
    starts_at,
    ends_at,
    cost,
    currency
from {{ as_known('campaigns') }} as campaigns
