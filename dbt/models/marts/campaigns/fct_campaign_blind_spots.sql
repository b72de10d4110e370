{# A granter without one of these tasks on the Page is no administrator. #}
{% set admin_tasks = "array['MANAGE', 'PROFILE_PLUS_FULL_CONTROL']" %}

with

campaigns as (

    select * from {{ ref('stg_app__campaigns') }}

),

blind_spots as (

    select * from {{ ref('blind_spots') }}

),

content as (

    select
        campaign_id,
        story_id
    from {{ ref('fct_campaign_content') }}
    where story_id is not null

),

stories as (

    select * from {{ ref('fct_stories') }}

),

vanished as (

    select * from {{ ref('int_stories__vanished') }}

),

periods as (

    select * from {{ ref('int_accounts__periods') }}

),

tracked as (

    select * from {{ ref('int_accounts__tracked') }}

),

connections as (

    select * from {{ ref('stg_app__connections') }}

),

-- When each participant took part, as far as it is over.
parts as (

    select
        campaigns.campaign_id,
        participants.account_id,
        greatest(campaigns.starts_at, participants.valid_from) as starts_at,
        least(campaigns.ends_at, participants.valid_to, {{ as_of() }}) as ends_at
    from campaigns
    inner join {{ ref('stg_app__campaign_participants') }} as participants
        on campaigns.campaign_id = participants.campaign_id
    where
        greatest(campaigns.starts_at, participants.valid_from)
        < least(campaigns.ends_at, participants.valid_to, {{ as_of() }})

),

-- How each of them stood in that time.
standings as (

    select
        parts.campaign_id,
        parts.account_id,
        bool_or(coalesce(tracked.tracked_from < parts.ends_at, false)) as was_connected,
        bool_or(periods.cause is null) as was_captured,
        bool_or(periods.mode = 'manual') as was_by_hand
    from parts
    left join tracked on parts.account_id = tracked.account_id
    left join periods
        on
            parts.account_id = periods.account_id
            and parts.starts_at < periods.ends_at
            and parts.ends_at > periods.starts_at
    group by parts.campaign_id, parts.account_id

),

by_mention as (

    select distinct campaign_id from {{ ref('stg_app__match_rules') }}
    where kind = 'mention'

),

-- At Instagram Login people sign in as themselves.
granters as (

    select
        standings.campaign_id,
        string_to_array(connections.page_tasks, ', ') as tasks
    from standings
    inner join by_mention on standings.campaign_id = by_mention.campaign_id
    inner join connections on standings.account_id = connections.account_id
    where connections.login_flavour = 'facebook'

),

-- Where it is not known what a person may do, nothing is counted.
administrators as (

    select
        campaign_id,
        count(*) filter (where tasks is null) as unknown,
        count(*) filter (where not tasks && {{ admin_tasks }}) as missing
    from granters
    group by campaign_id

),

accounts as (

    select
        campaign_id,
        -- Who never connected may have chosen to hand in what was posted.
        count(*) filter (where not was_connected and not coalesce(was_by_hand, false)) as never_connected,
        count(*) filter (where was_by_hand and not coalesce(was_captured, false)) as by_hand
    from standings
    group by campaign_id

),

hours as (

    select
        parts.campaign_id,
        sum(
            {{ hours_between(
                'greatest(unlistened.unseen_from, parts.starts_at)', 'least(unlistened.unseen_to, parts.ends_at)'
            ) }}
        ) as unlisted
    from parts
    inner join standings
        on
            parts.campaign_id = standings.campaign_id
            and parts.account_id = standings.account_id
            and standings.was_connected
    inner join {{ ref('int_accounts__unlistened') }} as unlistened
        on
            parts.account_id = unlistened.account_id
            and parts.starts_at < unlistened.unseen_to
            and parts.ends_at > unlistened.unseen_from
    group by parts.campaign_id

),

counts as (

    select
        content.campaign_id,
        count(vanished.story_id) as deleted_early,
        count(*) filter (where stories.replies = 0 and stories.views > 0) as without_replies,
        -- A person may have told some counts of such a story; the others stay as they are.
        count(stories.withheld_upper_bound) as withheld
    from content
    inner join stories on content.story_id = stories.story_id
    left join vanished on content.story_id = vanished.story_id
    group by content.campaign_id

),

sizes as (

    select
        campaigns.campaign_id,
        campaigns.brand_id,
        blind_spots.*,
        case blind_spots.blind_spot
            when 'accounts_not_connected' then coalesce(accounts.never_connected, 0)
            when 'accounts_by_hand' then coalesce(accounts.by_hand, 0)
            when 'unlisted_hours' then coalesce(hours.unlisted, 0)
            when 'stories_deleted_early' then coalesce(counts.deleted_early, 0)
            when 'captions_without_mentions' then coalesce(administrators.missing, 0)
            when 'uncounted_replies' then coalesce(counts.without_replies, 0)
            when 'withheld_counts' then coalesce(counts.withheld, 0)
        end::numeric(14, 2) as size,
        blind_spots.blind_spot in ('reshares', 'live_videos', 'second_captions')
        -- One that was deleted between two looks was never counted.
        or blind_spots.blind_spot = 'stories_deleted_early'
        or (blind_spots.blind_spot = 'captions_without_mentions' and administrators.unknown > 0) as is_possible
    from campaigns
    cross join blind_spots
    left join accounts on campaigns.campaign_id = accounts.campaign_id
    left join administrators on campaigns.campaign_id = administrators.campaign_id
    left join hours on campaigns.campaign_id = hours.campaign_id
    left join counts on campaigns.campaign_id = counts.campaign_id

)

select
    campaign_id,
    brand_id,
    blind_spot,
    place,
    title,
    case
        -- Replies of 0 may be true ones.
        when size > 0 and blind_spot <> 'uncounted_replies' then 'yes'
        when size > 0 or is_possible then 'maybe'
        else 'no'
    end as matters,
    size,
    unit,
    what_happens,
    what_to_do
from sizes
