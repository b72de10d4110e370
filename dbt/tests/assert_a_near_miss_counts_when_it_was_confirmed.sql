-- And not before. Until then it is one of those that do not count, with the reason why not.
select
    near_misses.campaign_id,
    near_misses.story_id
from {{ ref('fct_campaign_near_misses') }} as near_misses
left join {{ ref('fct_campaign_content') }} as content
    on
        near_misses.campaign_id = content.campaign_id
        and near_misses.story_id = content.story_id
left join {{ ref('fct_campaign_exclusions') }} as exclusions
    on
        near_misses.campaign_id = exclusions.campaign_id
        and near_misses.story_id = exclusions.story_id
where
    (content.content_id is not null) <> (near_misses.decision is not distinct from 'yes')
    or (content.content_id is null) <> (exclusions.story_id is not null)
