-- And one that covers it is named.
select stories.story_id
from {{ ref('fct_stories') }} as stories
left join {{ ref('fct_consents') }} as consents
    on
        stories.account_id = consents.account_id
        and stories.first_seen_at >= consents.given_at
        and stories.first_seen_at < coalesce(consents.ended_at, 'infinity')
where stories.consent_id is distinct from consents.consent_id
