select
    sign_in_id,
    account_id,
    begun_at,
    -- One that ended after the moment of the build was under way then.
    case when ended_at <= {{ as_of() }} then status else 'connecting' end as status,
    case when ended_at <= {{ as_of() }} then reason end as reason,
    case when ended_at <= {{ as_of() }} then ended_at else begun_at end as status_since
from {{ source('app', 'sign_in_attempts') }}
where account_id is not null and begun_at <= {{ as_of() }}
