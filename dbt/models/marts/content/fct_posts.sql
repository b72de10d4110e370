with

posts as (

    select * from {{ ref('int_posts__latest') }}

),

accounts as (

    select * from {{ ref('stg_app__accounts') }}

)

select
    posts.post_id,
    posts.account_id,
    accounts.username,
    posts.content_type,
    posts.media_type,
    posts.posted_at,
    posts.first_seen_at,
    posts.last_reading_at,
    posts.permalink,
    posts.caption,
    coalesce(posts.views, posts.impressions) as views_or_impressions,
    case
        when posts.views is not null then 'views'
        when posts.impressions is not null then 'impressions'
    end as exposure_measure,
    {% for metric in post_metrics() %}
        posts.{{ metric }},
    {% endfor %}
    {% for metric in post_metrics() %}
        posts.{{ metric }}_withheld,
    {% endfor %}
    posts.skip_rate
from posts
inner join accounts on posts.account_id = accounts.account_id
