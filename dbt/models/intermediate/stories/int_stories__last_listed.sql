{{ config(
    materialized='incremental',
    unique_key='story_id',
    indexes=[{'columns': ['story_id'], 'unique': true}]
) }}

with

stories as (

    select * from {{ ref('int_stories__versions_latest') }}

),

listings as (

    select * from {{ ref('stg_instagram__listing_contents') }}

),

listed_anew as (

    select
        account_id,
        captured_at
    from {{ ref('int_landing__rows_new') }}
    where table_name = 'story_listings'

),

concerned as (

    select story_id from {{ ref('int_stories__touched') }}
    union distinct
    -- A listing of a story's life comes in after its end.
    select stories.story_id
    from listed_anew
    inner join stories
        on
            listed_anew.account_id = stories.account_id
            and listed_anew.captured_at >= stories.posted_at
            and listed_anew.captured_at < stories.expires_at

),

days as (

    select
        stories.story_id,
        stories.account_id,
        stories.posted_at,
        stories.expires_at,
        days.day::date as date
    from concerned
    inner join stories on concerned.story_id = stories.story_id
    cross join lateral {{ utc_days('stories.posted_at', 'stories.expires_at') }} as days (day)

),

-- The last good listing of a story's life tells whether it lived on. At its very end it may be gone already, since
-- the clocks of two machines differ. Joined by the day too: an account has thousands of listings.
found as (

    select
        days.story_id,
        days.account_id,
        max(listings.captured_at) as last_at,
        max(listings.captured_at) filter (where listings.stories ? days.story_id) as last_listed_at
    from days
    left join listings
        on
            days.account_id = listings.account_id
            and days.date = {{ utc_date('listings.captured_at') }}
            and days.posted_at <= listings.captured_at
            and days.expires_at - interval '10 minutes' > listings.captured_at
            and listings.captured_at >= (select min(earliest.posted_at) from days as earliest)
    group by days.story_id, days.account_id

)

select
    story_id,
    account_id,
    last_listed_at,
    last_listed_at < last_at as has_vanished
from found
