with

listings as (

    select * from {{ ref('stg_instagram__story_listings') }}

),

tracked as (

    select
        connections.account_id,
        least(connections.connected_at, min(listings.captured_at)) as tracked_from
    from {{ ref('stg_app__connections') }} as connections
    left join listings on connections.account_id = listings.account_id
    group by connections.account_id, connections.connected_at

),

-- What bounds the gaps: the connection, every good listing, and the moment of the build.
bounds as (

    select
        account_id,
        tracked_from as bound_at
    from tracked
    where tracked_from <= {{ as_of() }}
    union distinct
    select
        account_id,
        captured_at as bound_at
    from listings
    where status = 'ok'
    union distinct
    select
        account_id,
        {{ as_of() }} as bound_at
    from tracked
    where tracked_from <= {{ as_of() }}

),

pairs as (

    select
        account_id,
        bound_at as starts_at,
        lead(bound_at) over (partition by account_id order by bound_at) as ends_at
    from bounds

),

gaps as (

    select
        account_id,
        starts_at,
        ends_at,
        -- As the marts tell it, so that what is over an hour here is so there.
        ({{ minutes_between('starts_at', 'ends_at') }})::numeric(12, 2) as minutes
    from pairs
    where ends_at is not null

),

long_gaps as (

    select * from gaps
    where minutes > 60

),

-- What the failed tries of the gap were told, most often. An account that needs its creator is not asked again, so
-- that one such reply outweighs any number of others.
causes_told as (

    select
        long_gaps.account_id,
        long_gaps.starts_at,
        coalesce(
            mode() within group (order by listings.cause) filter (where listings.cause in ('token', 'permission')),
            mode() within group (order by listings.cause)
        ) as cause
    from long_gaps
    inner join listings
        on
            long_gaps.account_id = listings.account_id
            and listings.status = 'failed'
            and long_gaps.starts_at < listings.captured_at
            and long_gaps.ends_at >= listings.captured_at
    group by long_gaps.account_id, long_gaps.starts_at

),

states as (

    select
        account_id,
        happened_at as starts_at,
        lead(happened_at, 1, 'infinity') over (partition by account_id order by happened_at, event_id) as ends_at,
        event_id,
        case
            when status = 'needs_action' and reason = 'missing_scope' then 'permission'
            when status in ('expired', 'data_access_ended', 'revoked', 'needs_action') then 'token'
            when status in ('not_tracked', 'invited', 'connecting', 'disconnected', 'purged') then 'not_connected'
        end as cause
    from {{ ref('stg_app__connection_events') }}

),

-- The last troubled state of the connection within the gap.
causes_known as (

    select distinct on (long_gaps.account_id, long_gaps.starts_at)
        long_gaps.account_id,
        long_gaps.starts_at,
        states.cause
    from long_gaps
    inner join states
        on
            long_gaps.account_id = states.account_id
            and long_gaps.ends_at > states.starts_at
            and long_gaps.starts_at < states.ends_at
            and states.cause is not null
    order by long_gaps.account_id asc, long_gaps.starts_at asc, states.starts_at desc, states.event_id desc

)

select
    gaps.account_id,
    gaps.starts_at,
    gaps.ends_at,
    gaps.minutes,
    case
        when gaps.minutes > 60
            -- Nobody even tried: it was ours to try.
            then coalesce(causes_told.cause, causes_known.cause, 'our_outage')
    end as cause
from gaps
left join causes_told
    on
        gaps.account_id = causes_told.account_id
        and gaps.starts_at = causes_told.starts_at
left join causes_known
    on
        gaps.account_id = causes_known.account_id
        and gaps.starts_at = causes_known.starts_at
