{{ config(post_hook='analyze {{ this }}') }}

{% set captures %}
    select * from {{ ref('int_entries__captures') }}
    union all
    select * from {{ ref('int_entries__uploads') }}
{% endset %}

with recursive

entries as (

    select
        *,
        -- A story can be of many campaigns.
        case when kind in ('assign', 'confirm_match') then concat(kind, ' ', campaign_id) else kind end as purpose
    from {{ ref('int_entries__current') }}
    where kind not in ('story_capture', 'creator_upload')

),

{{ stories_by_now(captures) }}

{{ entries_resolved("false") }}

select
    entries.entry_id,
    entries.version,
    entries.kind,
    found.story_id as resolved_story_id,
    found.resolved_by
from entries
left join found on entries.entry_id = found.entry_id
