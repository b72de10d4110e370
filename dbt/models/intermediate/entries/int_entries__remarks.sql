{{ config(post_hook='analyze {{ this }}') }}

with recursive

entries as (

    select
        *,
        -- A story can be of many campaigns.
        case when kind in ('assign', 'confirm_match') then concat(kind, ' ', campaign_id) else kind end as purpose
    from {{ ref('int_entries__current') }}
    where kind not in ('story_capture', 'creator_upload')

),

captures as (

    select
        entries.entry_id,
        entries.account_id,
        entries.posted_at,
        entries.permalink,
        captures.resolved_story_id
    from (
        select * from {{ ref('int_entries__captures') }}
        union all
        select * from {{ ref('int_entries__uploads') }}
    ) as captures
    inner join {{ ref('int_entries__current') }} as entries on captures.entry_id = entries.entry_id

),

stories as (

    select
        story_id,
        account_id,
        posted_at,
        permalink
    from {{ ref('int_stories__versions_latest') }}
    union all
    select
        resolved_story_id as story_id,
        account_id,
        posted_at,
        permalink
    from captures
    where resolved_story_id = {{ manual_story_id('entry_id') }}

),

names as (

    select
        story_id as name,
        story_id,
        account_id
    from stories
    union all
    -- It was a story by hand, and has been merged since.
    select
        {{ manual_story_id('entry_id') }} as name,
        resolved_story_id as story_id,
        account_id
    from captures
    where resolved_story_id <> {{ manual_story_id('entry_id') }}

),

{{ entries_resolved("false") }}

select
    entries.entry_id,
    entries.version,
    entries.kind,
    found.story_id as resolved_story_id,
    found.resolved_by
from entries
left join found on entries.entry_id = found.entry_id
