select
    account_id,
    login_flavour,
    status,
    reason,
    status_since,
    connected_at,
    token_expires_at,
    data_access_expires_at
from {{ source('app', 'connection_status') }}
