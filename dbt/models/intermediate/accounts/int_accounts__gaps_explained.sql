with

listing_runs as (

    select * from {{ ref('int_accounts__listing_runs') }}

),

tracked as (

    select * from {{ ref('int_accounts__tracked') }}

),

periods as (

    select * from {{ ref('int_accounts__periods') }}

),

-- What bounds the gaps: when the account became known, its connection, every run of good listings, and the moment of
-- the build. From the first and from every listing on it is known what lives.
bounds_found as (

    select
        account_id,
        known_from as first_at,
        known_from as last_at,
        true as is_known
    from tracked
    union all
    select
        account_id,
        tracked_from as first_at,
        tracked_from as last_at,
        false as is_known
    from tracked
    where tracked_from is not null
    union all
    select
        account_id,
        first_at,
        last_at,
        true as is_known
    from listing_runs
    where status = 'ok'
    union all
    select
        account_id,
        {{ as_of() }} as first_at,
        {{ as_of() }} as last_at,
        false as is_known
    from tracked

),

bounds as (

    select
        account_id,
        first_at,
        max(last_at) as last_at,
        bool_or(is_known) as is_known
    from bounds_found
    group by account_id, first_at

),

pairs as (

    select
        account_id,
        is_known,
        last_at as starts_at,
        lead(first_at) over (partition by account_id order by first_at) as ends_at
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
    where pairs.starts_at < pairs.ends_at

),

long_gaps as (

    select * from gaps
    where minutes > 60

),

-- What the failed tries of the gap were told. No good listing parts those of one run, so that all are of one gap.
tries as (

    select
        long_gaps.account_id,
        long_gaps.starts_at,
        listing_runs.cause,
        sum(listing_runs.listings) as listings
    from long_gaps
    inner join listing_runs
        on
            long_gaps.account_id = listing_runs.account_id
            and long_gaps.starts_at < listing_runs.last_at
            and long_gaps.ends_at >= listing_runs.last_at
            and listing_runs.cause is not null
    group by long_gaps.account_id, long_gaps.starts_at, listing_runs.cause

),

-- Most often. An account that needs its creator is not asked again, so that one such reply outweighs any number of
-- others.
causes_told as (

    select distinct on (account_id, starts_at)
        account_id,
        starts_at,
        cause
    from tries
    order by account_id asc, starts_at asc, cause in ('token', 'permission') desc, listings desc, cause asc

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
