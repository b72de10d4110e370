-- Every one that is to be kept: under the policies matched and matched_then_purge, those of a campaign. What landed
-- while the build was under way is for the next one.
select landed.story_id
from {{ source('instagram', 'stories') }} as landed
left join {{ ref('fct_stories') }} as stories on landed.story_id = stories.story_id
where
    {{ is_known('stories') }}
    and landed.landing_id <= (select taken_in.stories from {{ ref('int_landing__taken_in') }} as taken_in)
    and stories.story_id is null
    {% if not keeps_all() %}
        and landed.story_id in (select content.story_id from {{ ref('fct_campaign_content') }} as content)
    {% endif %}
