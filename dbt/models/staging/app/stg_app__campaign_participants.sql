select
    campaign_id,
    account_id,
    valid_from,
    valid_to,
    fee
from {{ source('app', 'campaign_participants') }}
