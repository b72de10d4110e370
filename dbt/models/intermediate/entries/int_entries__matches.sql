{{ config(materialized='view') }}

select
    entries.entry_id,
    entries.campaign_id,
    resolved.resolved_story_id as story_id,
    entries.kind,
    case when entries.kind = 'assign' then coalesce(entries.decision, 'yes') else entries.decision end as decision,
    entries.author,
    entries.entered_at
from {{ ref('int_entries__current') }} as entries
inner join {{ ref('int_entries__resolved') }} as resolved on entries.entry_id = resolved.entry_id
where
    entries.kind in ('assign', 'confirm_match')
    and entries.campaign_id is not null
    and resolved.resolved_story_id is not null
