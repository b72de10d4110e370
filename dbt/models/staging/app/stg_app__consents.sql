select
    consent_id,
    account_id,
    given_at,
    source,
    granter_id,
    granter_name,
    array_to_string(scopes, ', ') as scopes,
    text_version,
    usage_rights
from {{ source('app', 'consents') }}
where given_at <= {{ as_of() }}
