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

-- The last good listing of a story's life tells whether it lived on. At its very end it may be gone already, since
-- the clocks of two machines differ.
ends as (

    select
        stories.story_id,
        stories.account_id,
        stories.posted_at,
        last_listing.captured_at as last_at,
        last_listing.shows
    from concerned
    inner join stories on concerned.story_id = stories.story_id
    left join lateral (
        select
            listings.captured_at,
            listings.stories ? stories.story_id as shows
        from listings
        where
            listings.account_id = stories.account_id
            and listings.captured_at >= stories.posted_at
            and listings.captured_at < stories.expires_at - interval '10 minutes'
        order by listings.captured_at desc
        limit 1
    ) as last_listing on true

),

found as (

    select
        ends.story_id,
        ends.account_id,
        ends.last_at,
        case when ends.shows then ends.last_at else shown.captured_at end as last_listed_at
    from ends
    left join lateral (
        select listings.captured_at
        from listings
        where
            not ends.shows
            and listings.account_id = ends.account_id
            and listings.captured_at >= ends.posted_at
            and listings.captured_at < ends.last_at
            and listings.stories ? ends.story_id
        order by listings.captured_at desc
        limit 1
    ) as shown on true

)

select
    story_id,
    account_id,
    last_listed_at,
    last_listed_at < last_at as has_vanished
from found
