{# How far from a campaign's dates a participant's content is still worth a word on why it does not count. #}
{% set around = "interval '7 days'" %}

with

campaigns as (

    select
        *,
        -- Without rules there is nothing to know others' content by.
        scope = 'all' and campaign_id in (select rules.campaign_id from {{ ref('int_campaigns__rules') }} as rules)
            as is_open_to_all
    from {{ ref('stg_app__campaigns') }}

),

rosters as (

    select
        campaign_id,
        account_id,
        range_agg(tstzrange(valid_from, valid_to)) as periods
    from {{ ref('stg_app__campaign_participants') }}
    group by campaign_id, account_id

),

scopes as (

    select
        campaign_id,
        account_id,
        range_agg(tstzrange(starts_at, ends_at)) as periods
    from {{ ref('int_campaigns__tracking_scope') }}
    group by campaign_id, account_id

),

content as (

    select * from {{ ref('int_campaigns__content_folded') }}

),

decisions as (

    select * from {{ ref('int_entries__matches') }}

),

of_participants as (

    select
        campaigns.campaign_id,
        content.content_id
    from campaigns
    inner join rosters on campaigns.campaign_id = rosters.campaign_id
    inner join content
        on
            rosters.account_id = content.account_id
            and content.posted_at >= campaigns.starts_at - {{ around }}
            and content.posted_at < campaigns.ends_at + {{ around }}

),

-- What people entered or decided is never passed over in silence.
by_hand as (

    select
        rosters.campaign_id,
        content.content_id
    from rosters
    inner join content on rosters.account_id = content.account_id
    where content.provenance <> 'api'
    union all
    select
        decisions.campaign_id,
        content.content_id
    from decisions
    inner join content on decisions.story_id = content.content_id

),

of_everybody as (

    select
        campaigns.campaign_id,
        content.content_id
    from campaigns
    inner join content
        on
            campaigns.starts_at <= content.posted_at
            and campaigns.ends_at > content.posted_at
    where campaigns.is_open_to_all

),

considered as (

    select * from of_participants
    union distinct
    select * from by_hand
    union distinct
    select * from of_everybody

),

placed as (

    select
        considered.campaign_id,
        content.content_id,
        content.content_type,
        content.account_id,
        content.posted_at,
        content.provenance,
        campaigns.starts_at,
        campaigns.ends_at,
        rosters.periods,
        rosters.account_id is not null as is_on_roster,
        coalesce(content.posted_at <@ rosters.periods, false) as is_taking_part,
        -- What a person brings, a person has a part in, whoever else may count.
        not campaigns.is_open_to_all or content.provenance <> 'api' as must_take_part,
        content.provenance = 'manual_capture' as must_be_switched_on,
        coalesce(content.posted_at <@ scopes.periods, false) as is_switched_on
    from considered
    inner join campaigns on considered.campaign_id = campaigns.campaign_id
    inner join content on considered.content_id = content.content_id
    left join rosters
        on
            considered.campaign_id = rosters.campaign_id
            and content.account_id = rosters.account_id
    left join scopes
        on
            considered.campaign_id = scopes.campaign_id
            and content.account_id = scopes.account_id

)

select
    campaign_id,
    content_id,
    content_type,
    account_id,
    posted_at,
    provenance,
    is_on_roster,
    is_taking_part,
    case
        when posted_at < starts_at then 'before_campaign'
        when posted_at >= ends_at then 'after_campaign'
        when must_take_part and not is_on_roster then 'not_participant'
        when must_take_part and posted_at < lower(periods) then 'before_participation'
        when must_take_part and posted_at >= upper(periods) then 'after_participation'
        when must_take_part and not is_taking_part then 'between_participations'
        when must_be_switched_on and not is_switched_on then 'switch_off'
    end as untimely
from placed
