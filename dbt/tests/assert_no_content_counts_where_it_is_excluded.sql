select
    exclusions.campaign_id,
    exclusions.story_id
from {{ ref('fct_campaign_exclusions') }} as exclusions
inner join {{ ref('fct_campaign_content') }} as content
    on
        exclusions.campaign_id = content.campaign_id
        and exclusions.story_id = content.story_id
