{{ config(post_hook='analyze {{ this }}') }}

with recursive

entries as (

    select
        *,
        kind as purpose
    from {{ ref('int_entries__current') }}
    where kind = 'creator_upload'

),

{{ stories_by_now("select * from " ~ ref('int_entries__captures')) }}

{{ entries_resolved("exists (select from told where told.story_id = stories.story_id)") }}

select
    entries.entry_id,
    entries.version,
    entries.kind,
    coalesce(found.story_id, {{ manual_story_id('entries.entry_id') }}) as resolved_story_id,
    coalesce(found.resolved_by, 'entry') as resolved_by
from entries
left join found on entries.entry_id = found.entry_id
