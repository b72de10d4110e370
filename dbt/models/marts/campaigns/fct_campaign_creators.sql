with

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

followers as (

    select * from {{ ref('int_accounts__followers') }}

),

participations as (

    select
        campaign_id,
        account_id,
        sum(fee) as fee
    from {{ ref('stg_app__campaign_participants') }}
    group by campaign_id, account_id

),

measured as (

    select * from {{ ref('int_campaigns__measured') }}

),

-- Those with content, whose followers may have seen it.
publishers as (

    select distinct
        campaign_id,
        account_id
    from measured

),

deliveries as (

    select
        {% for column in delivery_counts() %}
            sum({{ column }}) as {{ column }},
        {% endfor %}
        campaign_id,
        account_id
    from {{ ref('int_campaigns__deliveries') }}
    group by campaign_id, account_id

),

members as (

    select
        campaign_id,
        account_id
    from participations
    union distinct
    select
        campaign_id,
        account_id
    from publishers
    union distinct
    select
        campaign_id,
        account_id
    from deliveries

),

creators as (

    select
        members.campaign_id,
        accounts.creator_id,
        {% for column in delivery_counts() %}
            coalesce(sum(deliveries.{{ column }}), 0)::integer as {{ column }},
        {% endfor %}
        count(*)::integer as accounts,
        bool_or(participations.account_id is not null) as is_participant,
        sum(participations.fee)::numeric(16, 2) as fee,
        sum(followers.followers) filter (where publishers.account_id is not null)::bigint as potential_reach
    from members
    inner join accounts on members.account_id = accounts.account_id
    left join participations
        on
            members.campaign_id = participations.campaign_id
            and members.account_id = participations.account_id
    left join publishers
        on
            members.campaign_id = publishers.campaign_id
            and members.account_id = publishers.account_id
    left join deliveries
        on
            members.campaign_id = deliveries.campaign_id
            and members.account_id = deliveries.account_id
    left join followers on members.account_id = followers.account_id
    group by members.campaign_id, accounts.creator_id

),

totals as (

    select
        campaign_id,
        creator_id,
        {{ campaign_counts() }}
    from measured
    group by campaign_id, creator_id

)

select
    creators.campaign_id,
    creators.creator_id,
    creators.is_participant,
    creators.accounts,
    {% for column in content_counts() %}
        coalesce(totals.{{ column }}, 0) as {{ column }},
    {% endfor %}
    {% for column in content_sums() %}
        totals.{{ column }},
    {% endfor %}
    creators.potential_reach,
    creators.fee,
    campaigns.currency,
    {{ cost_per('creators.fee', 'totals', 'views', 'posts_views', times=1000) }} as cpm,
    {{ cost_per('creators.fee', 'totals', 'total_interactions', 'posts_interactions') }} as cost_per_engagement,
    {% for column in delivery_counts() %}
        creators.{{ column }},
    {% endfor %}
    (totals.stories_final::numeric / nullif(totals.stories - totals.stories_live, 0))::numeric(7, 6) as share_final
from creators
inner join campaigns on creators.campaign_id = campaigns.campaign_id
left join totals
    on
        creators.campaign_id = totals.campaign_id
        and creators.creator_id = totals.creator_id
