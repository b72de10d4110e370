-- Nobody's decision goes over the dates: each story was posted while the campaign ran, and while its account took part
-- where that is asked for.
select
    content.campaign_id,
    content.content_id
from {{ ref('fct_campaign_content') }} as content
inner join {{ ref('dim_campaigns') }} as campaigns on content.campaign_id = campaigns.campaign_id
inner join {{ ref('fct_stories') }} as stories on content.story_id = stories.story_id
left join {{ ref('stg_app__campaign_participants') }} as participants
    on
        content.campaign_id = participants.campaign_id
        and stories.account_id = participants.account_id
        and stories.posted_at >= participants.valid_from
        and stories.posted_at < participants.valid_to
where
    stories.posted_at < campaigns.starts_at
    or stories.posted_at >= campaigns.ends_at
    or (campaigns.scope = 'participants' and participants.campaign_id is null)
