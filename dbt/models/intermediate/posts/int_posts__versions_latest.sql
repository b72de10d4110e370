{{ config(materialized='incremental', unique_key='post_id', indexes=[{'columns': ['post_id'], 'unique': true}]) }}

with

media as (

    select * from {{ ref('stg_instagram__media') }}

),

new_rows as (

    select distinct media.post_id
    from media
    inner join {{ ref('int_landing__rows_new') }} as arrived
        on
            media.landing_id = arrived.landing_id
            and arrived.table_name = 'media'

),

versions as (

    select
        *,
        min(captured_at) over (partition by post_id) as first_seen_at
    from media
    where post_id in (select new_rows.post_id from new_rows)

)

select distinct on (post_id)
    post_id,
    account_id,
    posted_at,
    first_seen_at,
    -- The product type is not told at every login.
    case
        when media_product_type = 'REELS' or (media_product_type is null and permalink like '%/reel/%') then 'reel'
        else 'post'
    end as content_type,
    media_type,
    permalink,
    caption
from versions
where media_product_type is distinct from 'STORY'
order by post_id asc, captured_at desc, content_hash desc
