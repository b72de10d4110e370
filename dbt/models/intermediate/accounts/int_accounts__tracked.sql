with

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

connections as (

    select * from {{ ref('stg_app__connections') }}

),

first_events as (

    select
        account_id,
        min(happened_at) as happened_at
    from {{ ref('stg_app__connection_events') }}
    where status not in ('not_tracked', 'invited', 'connecting')
    group by account_id

),

first_listings as (

    select
        account_id,
        min(first_at) as captured_at
    from {{ ref('int_accounts__listing_runs') }}
    group by account_id

),

firsts as (

    select
        accounts.account_id,
        least(accounts.added_at, first_listings.captured_at) as known_from,
        -- A reconnect moves connected_at on; least() skips nulls.
        case
            when connections.account_id is not null
                then least(connections.connected_at, first_events.happened_at, first_listings.captured_at)
        end as tracked_from
    from accounts
    left join connections on accounts.account_id = connections.account_id
    left join first_events on accounts.account_id = first_events.account_id
    left join first_listings on accounts.account_id = first_listings.account_id

)

select
    account_id,
    least(known_from, tracked_from) as known_from,
    case when tracked_from <= {{ as_of() }} then tracked_from end as tracked_from
from firsts
where least(known_from, tracked_from) <= {{ as_of() }}
