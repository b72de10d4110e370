select
    campaign_id,
    content_id,
    content_type,
    case when content_type = 'story' then content_id end as story_id,
    case when content_type <> 'story' then content_id end as post_id,
    account_id,
    matched_by,
    evidence,
    confidence,
    campaigns_matched
from {{ ref('int_campaigns__content_matched') }}
