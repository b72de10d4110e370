{{ config(materialized='view') }}

select
    replies.story_id,
    replies.metric_group,
    replies.captured_at,
    replies.status,
    replies.payload,
    replies.content_hash
from {{ ref('stg_instagram__story_insight_replies') }} as replies
inner join {{ ref('int_stories__readings_touched') }} as readings
    on
        replies.story_id = readings.story_id
        and replies.captured_at = readings.captured_at
