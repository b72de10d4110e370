with

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

connections as (

    select * from {{ ref('stg_app__connections') }}

),

steps as (

    select * from {{ ref('connection_states') }}

),

last_good_listings as (

    select
        account_id,
        max(last_at) as captured_at
    from {{ ref('int_accounts__listing_runs') }}
    where status = 'ok'
    group by account_id

),

stated as (

    select
        accounts.account_id,
        accounts.creator_id,
        accounts.ig_user_id,
        accounts.username,
        connections.login_flavour,
        coalesce(connections.status, 'not_tracked') as status,
        connections.reason,
        connections.status_since,
        connections.connected_at,
        connections.token_expires_at,
        connections.data_access_expires_at,
        {{ days_until('connections.token_expires_at') }} as token_days_left,
        {{ days_until('connections.data_access_expires_at') }} as data_access_days_left,
        last_good_listings.captured_at as last_good_capture_at
    from accounts
    left join connections on accounts.account_id = connections.account_id
    left join last_good_listings on accounts.account_id = last_good_listings.account_id

)

select
    stated.*,
    steps.owner,
    steps.remedy as next_step
from stated
left join steps
    on
        stated.status = steps.state
        and stated.reason is not distinct from steps.reason
