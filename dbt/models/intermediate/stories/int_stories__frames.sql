{{ config(post_hook='analyze {{ this }}') }}

with

stories as (

    select
        known.story_id,
        known.account_id,
        known.posted_at
    from {{ ref('int_stories__known') }} as known
    inner join {{ ref('int_stories__kept') }} as kept on known.story_id = kept.story_id

),

beginnings as (

    select
        *,
        posted_at <= lag(posted_at) over (partition by account_id order by posted_at, story_id) + {{ sequence_pause() }}
            as goes_on
    from stories

),

runs as (

    select
        *,
        count(*) filter (where goes_on is not true) over (partition by account_id order by posted_at, story_id) as run
    from beginnings

)

select
    story_id,
    account_id,
    first_value(story_id) over by_time as sequence_id,
    (row_number() over by_time)::integer as frame_position
from runs
window by_time as (partition by account_id, run order by posted_at, story_id)
