-- What landed while the build was under way is for the next one, and a story is no post.
select landed.media_id
from {{ source('instagram', 'media') }} as landed
left join {{ ref('fct_posts') }} as posts on landed.media_id = posts.post_id
where
    {{ is_known('media') }}
    and landed.landing_id <= (select taken_in.media from {{ ref('int_landing__taken_in') }} as taken_in)
    and landed.payload ->> 'media_product_type' is distinct from 'STORY'
    and posts.post_id is null
