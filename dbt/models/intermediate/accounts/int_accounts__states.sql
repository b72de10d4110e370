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

told as (

    select
        account_id,
        happened_at as starts_at,
        lead(happened_at, 1, 'infinity') over (partition by account_id order by happened_at, event_id) as ends_at,
        status,
        reason
    from events

)

-- Of several events at one moment the last one counts.
select * from told
where starts_at < ends_at
