select
    brand_id,
    name,
    time_zone,
    currency
from {{ ref('stg_app__brands') }}
