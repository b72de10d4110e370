select
    brand_id,
    name,
    time_zone,
    currency
from {{ as_known('brands') }} as brands
