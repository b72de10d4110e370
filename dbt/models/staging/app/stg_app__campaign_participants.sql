select
    campaign_id,
    account_id,
    valid_from,
    valid_to,
    fee
from {{ as_known('campaign_participants') }} as campaign_participants
