select
    campaign_id,
    kind,
    value
from {{ source('app', 'match_rules') }}
