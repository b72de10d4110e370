{{ config(post_hook='analyze {{ this }}') }}

with

entries as (

    select
        resolved.resolved_story_id as story_id,
        entries.caption,
        entries.link,
        entries.permalink,
        entries.media_type,
        entries.entered_at,
        entries.content_hash
    from {{ ref('int_entries__resolved') }} as resolved
    inner join {{ ref('int_entries__current') }} as entries on resolved.entry_id = entries.entry_id
    where resolved.resolved_story_id is not null

)

select
    story_id,
    {{ last_entered('caption') }} as caption,
    {{ last_entered('link') }} as link,
    {{ last_entered('permalink') }} as permalink,
    {{ last_entered('media_type') }} as media_type
from entries
group by story_id
