with

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

totals as (

    select
        campaign_id,
        {{ campaign_counts() }}
    from {{ ref('int_campaigns__measured') }}
    group by campaign_id

),

rosters as (

    select
        participants.campaign_id,
        count(distinct accounts.creator_id)::integer as participants
    from {{ ref('stg_app__campaign_participants') }} as participants
    inner join accounts on participants.account_id = accounts.account_id
    group by participants.campaign_id

),

creators as (

    select
        campaign_id,
        {% for column in delivery_counts() %}
            sum({{ column }})::integer as {{ column }},
        {% endfor %}
        sum(fee)::numeric(16, 2) as fees,
        sum(potential_reach)::bigint as potential_reach
    from {{ ref('fct_campaign_creators') }}
    group by campaign_id

)

select
    campaigns.campaign_id,
    campaigns.brand_id,
    {% for column in content_counts() %}
        coalesce(totals.{{ column }}, 0) as {{ column }},
    {% endfor %}
    {% for column in content_sums() %}
        totals.{{ column }},
    {% endfor %}
    coalesce(rosters.participants, 0) as participants,
    creators.potential_reach,
    campaigns.cost,
    campaigns.currency,
    creators.fees,
    {{ cost_per('campaigns.cost', 'totals', 'views', 'posts_views', times=1000) }} as cpm,
    {{ cost_per('campaigns.cost', 'totals', 'total_interactions', 'posts_interactions') }} as cost_per_engagement,
    {% for column in delivery_counts() %}
        coalesce(creators.{{ column }}, 0) as {{ column }},
    {% endfor %}
    (totals.stories_final::numeric / nullif(totals.stories - totals.stories_live, 0))::numeric(7, 6) as share_final
from campaigns
left join totals on campaigns.campaign_id = totals.campaign_id
left join rosters on campaigns.campaign_id = rosters.campaign_id
left join creators on campaigns.campaign_id = creators.campaign_id
