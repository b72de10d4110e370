select
    campaign_id,
    account_id,
    valid_from,
    valid_to
from {{ source('app', 'campaign_participants') }}
