with

tracked as (

    select * from {{ ref('int_accounts__tracked') }}

),

periods as (

    select * from {{ ref('int_accounts__periods') }}

),

connections as (

    select * from {{ ref('stg_app__connections') }}

),

steps as (

    select * from {{ ref('connection_states') }}

),

-- The last period that touches a day is how the account stood when it ended.
standings as (

    select distinct on (periods.account_id, days.day)
        periods.account_id,
        days.day::date as date,
        least((days.day + interval '1 day') at time zone 'UTC', {{ as_of() }}) as ended_at,
        periods.status,
        periods.reason,
        periods.mode,
        periods.captured_since
    from periods
    inner join tracked on periods.account_id = tracked.account_id
    cross join lateral {{ utc_days(
        'greatest(periods.starts_at, tracked.known_from)', 'least(periods.ends_at, ' ~ as_of() ~ ')'
    ) }} as days (day)
    order by periods.account_id asc, days.day asc, periods.starts_at desc

),

listings as (

    select
        account_id,
        date,
        sum(listings) filter (where status = 'ok') as good,
        sum(listings) filter (where status = 'failed') as failed,
        max(last_at) filter (where status = 'ok') as last_good_at
    from {{ ref('int_accounts__listing_runs') }}
    group by account_id, date

),

listed as (

    select
        standings.*,
        listings.good,
        listings.failed,
        max(listings.last_good_at) over (partition by standings.account_id order by standings.date) as last_good_at
    from standings
    left join listings
        on
            standings.account_id = listings.account_id
            and standings.date = listings.date

)

select
    listed.account_id,
    listed.date,
    listed.status,
    listed.reason,
    listed.mode as capture_mode,
    {{ health('listed.status', 'listed.mode', 'listed.captured_since', 'listed.last_good_at', 'listed.ended_at') }}
        as health,
    -- When a token ended before it was renewed is not kept: earlier days have nothing to count to.
    case when listed.ended_at = {{ as_of() }} then {{ days_until('connections.token_expires_at') }} end
        as token_days_left,
    case when listed.ended_at = {{ as_of() }} then {{ days_until('connections.data_access_expires_at') }} end
        as data_access_days_left,
    listed.last_good_at as last_good_capture_at,
    coalesce(listed.good, 0)::integer as listings_good,
    coalesce(listed.failed, 0)::integer as listings_failed,
    steps.owner,
    steps.remedy as next_step
from listed
left join connections on listed.account_id = connections.account_id
left join steps
    on
        listed.status = steps.state
        and listed.reason is not distinct from steps.reason
