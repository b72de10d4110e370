{{ config(
    materialized='incremental',
    unique_key=['post_id', 'metric'],
    indexes=[{'columns': ['post_id', 'metric'], 'unique': true}]
) }}

with

replies as (

    select * from {{ ref('int_posts__replies_new') }}
    where status = 'ok'

),

told as (

    {{ numbers_of('replies', 'post_id, captured_at, content_hash') }}

),

numbers as (

    select
        post_id,
        metric,
        value,
        captured_at,
        content_hash
    from told
    where value is not null
    {% if is_incremental() %}
        union all
        select
            standing.post_id,
            standing.metric,
            standing.value,
            standing.captured_at,
            standing.content_hash
        from {{ this }} as standing
        where standing.post_id in (select replies.post_id from replies)
    {% endif %}

)

select distinct on (post_id, metric)
    post_id,
    metric,
    value,
    captured_at,
    content_hash
from numbers
order by post_id asc, metric asc, captured_at desc, content_hash desc, value desc
