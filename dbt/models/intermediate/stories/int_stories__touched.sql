{{ config(post_hook='analyze {{ this }}') }}

with

versions as (

    select * from {{ ref('int_stories__versions_latest') }}

),

new_rows as (

    select * from {{ ref('int_landing__rows_new') }}

)

select
    story_id,
    account_id,
    posted_at,
    expires_at,
    first_seen_at,
    media_type,
    permalink,
    caption
from versions
where
    story_id in (select new_rows.story_id from new_rows)
    -- It was live then: its age, and in the end its finality, change with the clock alone.
    or expires_at > {{ last_build('as_of', '-infinity') }}::timestamptz
