with

listings as (

    select * from {{ ref('stg_instagram__story_listings') }}

),

tracked as (

    select * from {{ ref('int_accounts__tracked') }}

),

periods as (

    select * from {{ ref('int_accounts__periods') }}

),

-- What bounds the gaps: when the account became known, its connection, every good listing, and the moment of the build.
-- From the first and from every listing on it is known what lives.
bounds_found as (

    select
        account_id,
        known_from as bound_at,
        true as is_known
    from tracked
    union all
    select
        account_id,
        tracked_from as bound_at,
        false as is_known
    from tracked
    where tracked_from is not null
    union all
    select
        account_id,
        captured_at as bound_at,
        true as is_known
    from listings
    where status = 'ok'
    union all
    select
        account_id,
        {{ as_of() }} as bound_at,
        false as is_known
    from tracked

),

bounds as (

    select
        account_id,
        bound_at,
        bool_or(is_known) as is_known
    from bounds_found
    group by account_id, bound_at

),

pairs as (

    select
        account_id,
        is_known,
        bound_at as starts_at,
        lead(bound_at) over (partition by account_id order by bound_at) as ends_at
    from bounds

),

gaps as (

    select
        pairs.account_id,
        pairs.starts_at,
        pairs.ends_at,
        case when pairs.is_known then pairs.starts_at else tracked.known_from end as blind_since,
        -- As the marts tell it, so that what is over an hour here is so there.
        ({{ minutes_between('pairs.starts_at', 'pairs.ends_at') }})::numeric(12, 2) as minutes
    from pairs
    inner join tracked on pairs.account_id = tracked.account_id
    where pairs.ends_at is not null

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

-- For how long of the gap the account was not to be captured, by cause.
causes_held as (

    select
        long_gaps.account_id,
        long_gaps.starts_at,
        periods.cause,
        sum(
            {{ minutes_between(
                'greatest(long_gaps.starts_at, periods.starts_at)', 'least(long_gaps.ends_at, periods.ends_at)'
            ) }}
        ) as minutes
    from long_gaps
    inner join periods
        on
            long_gaps.account_id = periods.account_id
            and long_gaps.ends_at > periods.starts_at
            and long_gaps.starts_at < periods.ends_at
            and periods.cause is not null
    group by long_gaps.account_id, long_gaps.starts_at, periods.cause

),

longest_held as (

    select distinct on (account_id, starts_at)
        account_id,
        starts_at,
        cause,
        sum(minutes) over (partition by account_id, starts_at) as minutes
    from causes_held
    order by account_id asc, starts_at asc, minutes desc, cause asc

)

select
    gaps.account_id,
    gaps.starts_at,
    gaps.ends_at,
    gaps.minutes,
    case
        when gaps.minutes > 60
            then coalesce(
                -- It was not to be captured for most of the time, whatever it was told in the rest.
                case when longest_held.minutes * 2 > gaps.minutes then longest_held.cause end,
                causes_told.cause,
                -- Nobody even tried: it was ours to try.
                'our_outage'
            )
    end as cause,
    -- Who posted then has a story that ended within the gap and was never listed.
    case
        when gaps.ends_at - {{ story_life() }} >= gaps.blind_since
            then greatest(gaps.blind_since, gaps.starts_at - {{ story_life() }})
    end as unseen_from,
    case
        when gaps.ends_at - {{ story_life() }} >= gaps.blind_since then gaps.ends_at - {{ story_life() }}
    end as unseen_to
from gaps
left join causes_told
    on
        gaps.account_id = causes_told.account_id
        and gaps.starts_at = causes_told.starts_at
left join longest_held
    on
        gaps.account_id = longest_held.account_id
        and gaps.starts_at = longest_held.starts_at
