{{ config(materialized='view') }}

select media.post_id
from {{ ref('stg_instagram__media') }} as media
inner join {{ ref('int_landing__rows_new') }} as arrived
    on
        media.landing_id = arrived.landing_id
        and arrived.table_name = 'media'
union distinct
select post_id from {{ ref('int_posts__replies_new') }}
