{{ config(post_hook='analyze {{ this }}') }}

with recursive

entries as (

    select
        *,
        kind as purpose
    from {{ ref('int_entries__current') }}
    where kind = 'creator_upload'

),

captures as (

    select
        entries.entry_id,
        entries.account_id,
        entries.posted_at,
        entries.permalink,
        captures.resolved_story_id
    from {{ ref('int_entries__captures') }} as captures
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

{{ entries_resolved("exists (select from told where told.story_id = stories.story_id)") }}

select
    entries.entry_id,
    entries.version,
    entries.kind,
    coalesce(found.story_id, {{ manual_story_id('entries.entry_id') }}) as resolved_story_id,
    coalesce(found.resolved_by, 'entry') as resolved_by
from entries
left join found on entries.entry_id = found.entry_id
