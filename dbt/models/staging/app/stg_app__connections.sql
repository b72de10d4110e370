select
    account_id,
    login_flavour,
    array_to_string(scopes, ', ') as scopes,
    granter_name,
    page_name,
    array_to_string(page_tasks, ', ') as page_tasks,
    status,
    reason,
    status_since,
    connected_at,
    token_expires_at,
    data_access_expires_at
from {{ source('app', 'connection_status') }}
