with

consents as (

    select
        *,
        lead(given_at) over (partition by account_id order by given_at, consent_id) as followed_at
    from {{ ref('fct_consents') }}

)

select consent_id
from consents
where
    ended_at < given_at
    or coalesce(ended_at, 'infinity') > followed_at
    or (ended_at is null) <> (end_reason is null)
