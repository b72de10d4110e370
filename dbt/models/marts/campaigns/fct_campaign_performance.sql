with

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

content as (

    select * from {{ ref('fct_campaign_content') }}

),

stories as (

    select * from {{ ref('fct_stories') }}

),

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

rosters as (

    select
        participants.campaign_id,
        count(distinct accounts.creator_id)::integer as participants
    from {{ ref('stg_app__campaign_participants') }} as participants
    inner join accounts on participants.account_id = accounts.account_id
    group by participants.campaign_id

),

-- A sum is null while none of its stories has a known count: unknown is never 0.
totals as (

    select
        content.campaign_id,
        count(*)::integer as stories,
        count(distinct accounts.creator_id)::integer as creators,
        sum(stories.views)::bigint as views,
        sum(case when stories.views_withheld then {{ withheld_upper() }} else stories.views end)::bigint as views_upper,
        max(stories.reach)::bigint as reach_lower,
        sum(case when stories.reach_withheld then {{ withheld_upper() }} else stories.reach end)::bigint as reach_upper,
        sum(stories.total_interactions)::bigint as total_interactions,
        sum(stories.replies)::bigint as replies,
        sum(stories.link_clicks)::bigint as link_clicks,
        sum(stories.total_interactions) filter (where stories.views is not null) as interactions_with_views,
        sum(stories.views) filter (where stories.total_interactions is not null) as views_with_interactions,
        count(*) filter (where stories.views_withheld)::integer as stories_withheld,
        count(*) filter (where stories.views is null and not stories.views_withheld)::integer as stories_unknown,
        count(*) filter (where stories.finality = 'live')::integer as stories_live,
        count(*) filter (where stories.is_final) as stories_final
    from content
    inner join stories on content.story_id = stories.story_id
    inner join accounts on stories.account_id = accounts.account_id
    group by content.campaign_id

)

select
    campaigns.campaign_id,
    campaigns.brand_id,
    coalesce(totals.stories, 0) as stories,
    -- Feed posts are not captured yet.
    null::integer as posts,
    coalesce(totals.creators, 0) as creators,
    coalesce(rosters.participants, 0) as participants,
    totals.views,
    totals.views_upper,
    coalesce(totals.reach_lower, case when totals.stories_withheld > 0 then 0 end) as reach_lower,
    totals.reach_upper,
    totals.total_interactions,
    totals.replies,
    totals.link_clicks,
    (totals.interactions_with_views::numeric / nullif(totals.views_with_interactions, 0))::numeric(24, 6)
        as engagement_rate,
    campaigns.cost,
    campaigns.currency,
    (campaigns.cost * 1000 / nullif(totals.views, 0))::numeric(24, 4) as cpm,
    (campaigns.cost / nullif(totals.total_interactions, 0))::numeric(24, 4) as cost_per_engagement,
    coalesce(totals.stories_live, 0) as stories_live,
    coalesce(totals.stories_withheld, 0) as stories_withheld,
    coalesce(totals.stories_unknown, 0) as stories_unknown,
    (totals.stories_final::numeric / nullif(totals.stories - totals.stories_live, 0))::numeric(7, 6) as share_final
from campaigns
left join totals on campaigns.campaign_id = totals.campaign_id
left join rosters on campaigns.campaign_id = rosters.campaign_id
