with

followed as (

    select
        *,
        lead(given_at) over (partition by account_id order by given_at, consent_id) as followed_at
    from {{ ref('stg_app__consents') }}

),

-- A token that ends, or a password that changes, takes no consent back.
withdrawals as (

    select
        account_id,
        starts_at as withdrawn_at,
        coalesce(reason, status) as reason
    from {{ ref('int_accounts__states') }}
    where status in ('disconnected', 'purged') or (status = 'revoked' and reason = 'app_removed')

),

ended as (

    select distinct on (followed.consent_id)
        followed.*,
        withdrawals.withdrawn_at,
        withdrawals.reason
    from followed
    left join withdrawals
        on
            followed.account_id = withdrawals.account_id
            and followed.given_at <= withdrawals.withdrawn_at
    order by followed.consent_id asc, withdrawals.withdrawn_at asc

)

select
    consent_id,
    account_id,
    given_at,
    least(withdrawn_at, followed_at) as ended_at,
    case
        when withdrawn_at <= coalesce(followed_at, 'infinity') then reason
        when followed_at is not null then 'followed'
    end as end_reason,
    source,
    granter_id,
    granter_name,
    scopes,
    text_version,
    usage_rights
from ended
