{{ config(
    materialized='incremental',
    unique_key='post_id',
    indexes=[{'columns': ['post_id'], 'unique': true}, {'columns': ['account_id', 'posted_at']}]
) }}

with

posts as (

    select * from {{ ref('int_posts__versions_latest') }}
    where post_id in (select touched.post_id from {{ ref('int_posts__touched') }} as touched)

),

-- The last known value of each: a count that was once served stays known when later replies say nothing.
numbers as (

    select
        post_id,
        {% for column, metric in post_metrics().items() %}
            {{ whole("max(value) filter (where metric = '" ~ metric ~ "')") }} as {{ column }},
        {% endfor %}
        max(value) filter (where metric = 'reels_skip_rate') as skip_rate,
        -- The API leaves out the parts of a breakdown that are 0: they are 0 when the others make up the total.
        max(value) filter (where metric = 'profile_activity')
        = coalesce(sum(value) filter (where metric like 'profile_activity:%'), 0) as has_whole_activity
    from {{ ref('int_posts__metrics_latest') }}
    where post_id in (select posts.post_id from posts)
    group by post_id

),

replies as (

    select
        post_id,
        {% for metric in post_metrics_asked_alone() %}
            bool_or(status = 'withheld') filter (where asked = '{{ metric }}') as {{ metric }}_withheld,
        {% endfor %}
        bool_or(status = 'withheld') filter (where asked = 'core') as is_withheld,
        max(captured_at) as last_reading_at
    from {{ ref('int_posts__replies_latest') }}
    where post_id in (select posts.post_id from posts)
    group by post_id

)

select
    posts.post_id,
    posts.account_id,
    posts.posted_at,
    posts.first_seen_at,
    posts.content_type,
    posts.media_type,
    posts.permalink,
    posts.caption,
    {% for column in post_metrics() if column != 'bio_link_clicks' %}
        numbers.{{ column }},
    {% endfor %}
    case when numbers.has_whole_activity then coalesce(numbers.bio_link_clicks, 0) else numbers.bio_link_clicks end
        as bio_link_clicks,
    numbers.skip_rate::numeric(9, 4) as skip_rate,
    {% for column in post_metrics() %}
        numbers.{{ column }} is null and {{ post_has(column) }} and coalesce({{ withheld_by(column) }}, false)
            as {{ column }}_withheld,
    {% endfor %}
    replies.last_reading_at
from posts
left join numbers on posts.post_id = numbers.post_id
left join replies on posts.post_id = replies.post_id
