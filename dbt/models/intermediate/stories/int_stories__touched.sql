{{ config(post_hook='analyze {{ this }}') }}

with

versions as (

    select * from {{ ref('int_stories__versions_latest') }}

),

-- To join with: `in` beside another condition is no join, and looks through all of them for each story.
arrived as (

    select distinct story_id from {{ ref('int_landing__rows_new') }}

)

select
    versions.story_id,
    versions.account_id,
    versions.posted_at,
    versions.expires_at,
    versions.first_seen_at,
    versions.media_type,
    versions.permalink,
    versions.caption
from versions
left join arrived on versions.story_id = arrived.story_id
where
    arrived.story_id is not null
    -- It was live then: its age, and in the end its finality, change with the clock alone.
    or versions.expires_at > {{ last_build('as_of', '-infinity') }}::timestamptz
