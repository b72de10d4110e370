{{ config(materialized='incremental', unique_key='story_id', indexes=[{'columns': ['story_id'], 'unique': true}]) }}

with

new_rows as (

    select * from {{ ref('int_landing__rows_new') }}
    where table_name = 'stories'

),

versions as (

    select
        *,
        min(captured_at) over (partition by story_id) as first_seen_at
    from {{ ref('stg_instagram__stories') }}
    where story_id in (select new_rows.story_id from new_rows)

)

select distinct on (story_id)
    story_id,
    account_id,
    posted_at,
    posted_at + interval '24 hours' as expires_at,
    first_seen_at,
    media_type,
    permalink,
    caption
from versions
order by story_id asc, captured_at desc, content_hash desc
