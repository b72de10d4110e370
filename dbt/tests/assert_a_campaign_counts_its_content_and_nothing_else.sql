-- Worked out anew from the marts of stories and content, without what the campaign marts are made of.
with

content as (

    select
        content.campaign_id,
        count(stories.story_id) as stories,
        count(content.post_id) as posts,
        sum(stories.views) as views,
        sum(stories.total_interactions) as total_interactions,
        max(stories.reach) as reach_lower
    from {{ ref('fct_campaign_content') }} as content
    left join {{ ref('fct_stories') }} as stories on content.story_id = stories.story_id
    group by content.campaign_id

)

select performance.campaign_id
from {{ ref('fct_campaign_performance') }} as performance
left join content on performance.campaign_id = content.campaign_id
where
    performance.stories <> coalesce(content.stories, 0)
    or performance.posts <> coalesce(content.posts, 0)
    or performance.views is distinct from content.views
    or performance.total_interactions is distinct from content.total_interactions
    or (performance.reach_lower <> content.reach_lower and content.reach_lower is not null)
