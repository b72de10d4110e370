-- Whatever a rule or a person says.
select
    content.campaign_id,
    content.story_id
from {{ ref('fct_campaign_content') }} as content
inner join {{ ref('fct_stories') }} as stories on content.story_id = stories.story_id
left join {{ ref('int_campaigns__tracking_scope') }} as scope
    on
        content.campaign_id = scope.campaign_id
        and stories.account_id = scope.account_id
        and stories.posted_at >= scope.starts_at
        and stories.posted_at < scope.ends_at
where stories.provenance = 'manual_capture' and scope.campaign_id is null
