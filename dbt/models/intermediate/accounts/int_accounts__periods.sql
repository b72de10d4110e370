with

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

tracked as (

    select * from {{ ref('int_accounts__tracked') }}

),

-- Before its first connection an account is not tracked; the connection itself counts as its first event.
events as (

    select
        account_id,
        '-infinity'::timestamptz as happened_at,
        -1::bigint as event_id,
        'not_tracked' as status,
        null as reason
    from accounts
    union all
    select
        account_id,
        tracked_from as happened_at,
        0::bigint as event_id,
        'connected' as status,
        null as reason
    from tracked
    where tracked_from is not null
    union all
    select
        account_id,
        happened_at,
        event_id,
        status,
        reason
    from {{ ref('stg_app__connection_events') }}

),

states as (

    select
        account_id,
        happened_at as starts_at,
        lead(happened_at, 1, 'infinity') over (partition by account_id order by happened_at, event_id) as ends_at,
        case
            when status = 'needs_action' and reason in ('missing_scope', 'account_gone') then 'permission'
            when status in ('expired', 'data_access_ended', 'revoked', 'needs_action') then 'token'
            when status in ('invited', 'connecting', 'disconnected', 'purged') then 'not_connected'
            when status = 'not_tracked' then 'not_tracked'
        end as cause,
        status = 'connected_no_insights' as is_without_insights
    from events

),

wishes_said as (

    select
        account_id,
        '-infinity'::timestamptz as since,
        'automatic' as mode
    from accounts
    union all
    select
        account_id,
        since,
        mode
    from {{ ref('stg_app__capture_modes') }}

),

wishes as (

    select
        account_id,
        since as starts_at,
        lead(since, 1, 'infinity') over (partition by account_id order by since) as ends_at,
        case mode when 'paused' then 'paused' when 'manual' then 'manual_by_choice' end as cause
    from wishes_said

)

-- What the creator wishes explains more than what the connection would have allowed.
select
    states.account_id,
    greatest(states.starts_at, wishes.starts_at) as starts_at,
    least(states.ends_at, wishes.ends_at) as ends_at,
    coalesce(wishes.cause, states.cause) as cause,
    coalesce(wishes.cause, states.cause, case when states.is_without_insights then 'permission' end) as insights_cause
from states
inner join wishes
    on
        states.account_id = wishes.account_id
        and states.starts_at < wishes.ends_at
        and states.ends_at > wishes.starts_at
where states.starts_at < states.ends_at
