with

rules as (

    select
        campaign_id,
        string_agg(case kind when 'hashtag' then '#' else '@' end || value, ' ' order by kind, value) as rules
    from {{ ref('stg_app__match_rules') }}
    group by campaign_id

)

select
    campaigns.campaign_id,
    campaigns.brand_id,
    campaigns.name,
    campaigns.starts_at,
    campaigns.ends_at,
    campaigns.cost,
    campaigns.currency,
    rules.rules
from {{ ref('stg_app__campaigns') }} as campaigns
left join rules on campaigns.campaign_id = rules.campaign_id
