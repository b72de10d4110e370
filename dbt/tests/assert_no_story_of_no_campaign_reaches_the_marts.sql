-- Holds under the policies matched and matched_then_purge alone.
with

shown as (

    select story_id from {{ ref('fct_stories') }}
    union distinct
    select story_id from {{ ref('fct_story_readings') }}

)

select shown.story_id
from shown
left join {{ ref('fct_campaign_content') }} as content on shown.story_id = content.story_id
where content.story_id is null and {{ 'false' if keeps_all() else 'true' }}
