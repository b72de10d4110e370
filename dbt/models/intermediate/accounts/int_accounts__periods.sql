with

states as (

    select
        *,
        case
            when status = 'needs_action' and reason in ('missing_scope', 'account_gone') then 'permission'
            when status in ('expired', 'data_access_ended', 'revoked', 'needs_action') then 'token'
            when status in ('invited', 'connecting', 'disconnected', 'purged') then 'not_connected'
            when status = 'not_tracked' then 'not_tracked'
        end as cause,
        case when status = 'connected_no_insights' then 'permission' end as insights_cause
    from {{ ref('int_accounts__states') }}

),

wishes_said as (

    select
        account_id,
        '-infinity'::timestamptz as since,
        'automatic' as mode
    from {{ ref('stg_app__accounts') }}
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
        mode,
        case mode when 'paused' then 'paused' when 'manual' then 'manual_by_choice' end as cause
    from wishes_said

),

-- What the creator wishes explains more than what the connection would have allowed.
joined as (

    select
        states.account_id,
        greatest(states.starts_at, wishes.starts_at) as starts_at,
        least(states.ends_at, wishes.ends_at) as ends_at,
        states.status,
        states.reason,
        wishes.mode,
        coalesce(wishes.cause, states.cause) as cause,
        coalesce(wishes.cause, states.cause, states.insights_cause) as insights_cause
    from states
    inner join wishes
        on
            states.account_id = wishes.account_id
            and states.starts_at < wishes.ends_at
            and states.ends_at > wishes.starts_at

)

select
    *,
    -- The end of the last period in which it was not to be captured.
    case
        when cause is null
            then max(ends_at) filter (where cause is not null) over (partition by account_id order by starts_at)
    end as captured_since
from joined
