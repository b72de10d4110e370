select
    brand_id,
    name,
    time_zone,
    currency
from {{ source('app', 'brands') }}
