with

campaigns as (

    select * from {{ ref('stg_app__campaigns') }}

),

participants as (

    select
        campaign_id,
        account_id,
        range_agg(tstzrange(valid_from, valid_to)) as periods
    from {{ ref('stg_app__campaign_participants') }}
    group by campaign_id, account_id

),

switches as (

    select
        campaign_id,
        is_on,
        switched_at,
        lead(switched_at) over (partition by campaign_id order by switched_at, switch_id) as switched_again_at
    from {{ ref('stg_app__tracking_switches') }}

),

switched_on as (

    select
        campaign_id,
        range_agg(tstzrange(switched_at, switched_again_at)) as periods
    from switches
    where is_on
    group by campaign_id

)

select
    campaigns.campaign_id,
    participants.account_id,
    lower(scopes.scope) as starts_at,
    upper(scopes.scope) as ends_at
from campaigns
inner join participants on campaigns.campaign_id = participants.campaign_id
inner join switched_on on campaigns.campaign_id = switched_on.campaign_id
cross join
    lateral unnest(
        tstzmultirange(tstzrange(campaigns.starts_at, campaigns.ends_at))
        * participants.periods
        * switched_on.periods
    ) as scopes (scope)
