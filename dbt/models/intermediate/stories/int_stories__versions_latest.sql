{{ config(materialized='view') }}

with

versions as (

    select
        *,
        min(captured_at) over (partition by story_id) as first_seen_at
    from {{ ref('stg_instagram__stories') }}

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
