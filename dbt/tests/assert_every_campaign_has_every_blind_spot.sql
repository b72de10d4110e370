select
    campaigns.campaign_id,
    kinds.blind_spot
from {{ ref('dim_campaigns') }} as campaigns
cross join {{ ref('blind_spots') }} as kinds
left join {{ ref('fct_campaign_blind_spots') }} as told
    on
        campaigns.campaign_id = told.campaign_id
        and kinds.blind_spot = told.blind_spot
where told.blind_spot is null
