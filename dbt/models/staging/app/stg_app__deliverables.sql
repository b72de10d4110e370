select
    campaign_id,
    deliverable_id,
    account_id,
    kind,
    quantity,
    due_at
from {{ as_known('deliverables') }} as deliverables
