with

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

connections as (

    select * from {{ ref('stg_app__connections') }}

),

-- What came of the last sign-in is the state of an account that was never connected.
sign_ins as (

    select distinct on (account_id)
        account_id,
        status,
        reason,
        status_since
    from {{ ref('stg_app__sign_in_attempts') }}
    where account_id not in (select connections.account_id from connections)
    order by account_id asc, begun_at desc, sign_in_id desc

),

permissions as (

    select * from {{ ref('int_accounts__permissions') }}

),

steps as (

    select * from {{ ref('connection_states') }}

),

followers as (

    select * from {{ ref('int_accounts__followers') }}

),

last_good_listings as (

    select
        account_id,
        max(last_at) as captured_at
    from {{ ref('int_accounts__listing_runs') }}
    where status = 'ok'
    group by account_id

),

-- The period that the moment of the build is in.
present as (

    select * from {{ ref('int_accounts__periods') }}
    where ends_at = 'infinity'

),

not_connected as (

    select
        account_id,
        nullif(max(ends_at), 'infinity') as ended_at
    from {{ ref('int_accounts__states') }}
    where status not in ({{ connected_states() }})
    group by account_id

),

stated as (

    select
        accounts.account_id,
        accounts.creator_id,
        accounts.ig_user_id,
        accounts.username,
        connections.login_flavour,
        -- A sign-in that went well and an invitation are before any connection.
        coalesce(connections.status, nullif(sign_ins.status, 'connected'), present.status) as status,
        case
            when connections.account_id is not null then connections.reason
            when sign_ins.account_id is not null then sign_ins.reason
            else present.reason
        end as reason,
        coalesce(connections.status_since, sign_ins.status_since) as status_since,
        coalesce(connections.status in ({{ connected_states() }}), false) as is_connected,
        -- What connected after the moment of the build has no event yet.
        case
            when connections.status in ({{ connected_states() }})
                then coalesce(not_connected.ended_at, connections.connected_at)
        end as connected_since,
        connections.connected_at,
        connections.token_expires_at,
        connections.data_access_expires_at,
        {{ days_until('connections.token_expires_at') }} as token_days_left,
        {{ days_until('connections.data_access_expires_at') }} as data_access_days_left,
        last_good_listings.captured_at as last_good_capture_at,
        present.mode as capture_mode,
        present.captured_since,
        coalesce(
            permissions.capability_level,
            case
                when connections.status = 'connected_no_insights' then 'content_only'
                when connections.reason = 'missing_scope' then 'verified_only'
                when last_good_listings.captured_at is not null then 'insights'
            end
        ) as capability_level,
        permissions.missing_scopes,
        permissions.surplus_scopes,
        connections.granter_name,
        connections.page_name,
        followers.followers,
        followers.captured_at as followers_at
    from accounts
    inner join present on accounts.account_id = present.account_id
    left join connections on accounts.account_id = connections.account_id
    left join sign_ins on accounts.account_id = sign_ins.account_id
    left join not_connected on accounts.account_id = not_connected.account_id
    left join permissions on accounts.account_id = permissions.account_id
    left join last_good_listings on accounts.account_id = last_good_listings.account_id
    left join followers on accounts.account_id = followers.account_id

)

select
    stated.account_id,
    stated.creator_id,
    stated.ig_user_id,
    stated.username,
    stated.login_flavour,
    stated.status,
    stated.reason,
    stated.status_since,
    stated.is_connected,
    stated.connected_since,
    stated.connected_at,
    stated.token_expires_at,
    stated.data_access_expires_at,
    stated.token_days_left,
    stated.data_access_days_left,
    stated.last_good_capture_at,
    stated.capture_mode,
    {{ health(
        'stated.status',
        'stated.capture_mode',
        'coalesce(stated.captured_since, stated.connected_since)',
        'stated.last_good_capture_at',
        as_of()
    ) }} as health,
    stated.capability_level,
    stated.missing_scopes,
    stated.surplus_scopes,
    stated.granter_name,
    stated.page_name,
    steps.owner,
    steps.remedy as next_step,
    stated.followers,
    stated.followers_at
from stated
left join steps
    on
        stated.status = steps.state
        and stated.reason is not distinct from steps.reason
