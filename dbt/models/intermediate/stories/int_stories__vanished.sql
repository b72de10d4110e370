{{ config(materialized='view') }}

with

stories as (

    select * from {{ ref('int_stories__versions_latest') }}

),

last_listed as (

    select * from {{ ref('int_stories__last_listed') }}
    where has_vanished

),

-- Of the days that retention dropped, it is not kept which stories a listing showed.
dropped as (

    select max(date) as last_day from {{ ref('stg_instagram__listing_days') }}

)

select
    last_listed.story_id,
    last_listed.account_id,
    last_listed.last_listed_at
from last_listed
inner join stories on last_listed.story_id = stories.story_id
cross join dropped
where {{ utc_date('stories.posted_at') }} > coalesce(dropped.last_day, '-infinity')
