select
    approval_id,
    entry_id,
    version,
    decided_at,
    decided_by,
    decision
from {{ source('app', 'entry_approvals') }}
where decided_at <= {{ as_of() }}
