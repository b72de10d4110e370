with

campaigns as (

    select * from {{ ref('stg_app__campaigns') }}

),

rules as (

    select
        campaign_id,
        string_agg({{ rule_sign('kind') }} || value, ' ' order by kind, value) as rules
    from {{ ref('stg_app__match_rules') }}
    group by campaign_id

),

switches as (

    select distinct on (campaign_id)
        campaign_id,
        is_on
    from {{ ref('stg_app__tracking_switches') }}
    order by campaign_id asc, switched_at desc, switch_id desc

)

select
    campaigns.campaign_id,
    campaigns.brand_id,
    campaigns.name,
    campaigns.starts_at,
    campaigns.ends_at,
    campaigns.cost,
    campaigns.currency,
    campaigns.scope,
    rules.rules,
    coalesce(switches.is_on, false) as manual_tracking
from campaigns
left join rules on campaigns.campaign_id = rules.campaign_id
left join switches on campaigns.campaign_id = switches.campaign_id
