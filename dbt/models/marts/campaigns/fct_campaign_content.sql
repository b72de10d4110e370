select
    campaign_id,
    story_id,
    matched_by,
    evidence,
    confidence
from {{ ref('int_campaigns__stories_matched') }}
