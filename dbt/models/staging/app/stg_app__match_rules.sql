select
    campaign_id,
    kind,
    value
from {{ as_known('match_rules') }} as match_rules
