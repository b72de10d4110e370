-- Every one that is to be kept: under the policies matched and matched_then_purge, those of a campaign.
select staged.story_id
from {{ ref('stg_instagram__stories') }} as staged
left join {{ ref('fct_stories') }} as stories on staged.story_id = stories.story_id
where
    stories.story_id is null
    {% if not keeps_all() %}
        and staged.story_id in (select content.story_id from {{ ref('fct_campaign_content') }} as content)
    {% endif %}
