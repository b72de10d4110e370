with

posted as (

    select
        account_id,
        posted_at
    from {{ ref('int_stories__versions_latest') }}
    union all
    -- Of stories that were deleted by policy, only the day is known.
    select
        account_id,
        date::timestamp at time zone 'UTC' as posted_at
    from {{ ref('stg_app__purged_stories') }}

),

unlistened as (

    select * from {{ ref('int_accounts__unlistened') }}

),

compared as (

    select
        account_id,
        posted_at,
        coalesce(
            posted_at - lag(posted_at) over (partition by account_id order by posted_at) > {{ run_break() }}, true
        ) as begins_run
    from posted
    where posted_at > {{ as_of() }} - {{ habit_span() }} and posted_at <= {{ as_of() }}

),

runs as (

    select
        account_id,
        posted_at as starts_at,
        lead(posted_at) over (partition by account_id order by posted_at) as next_at
    from compared
    where begins_run

)

select
    runs.account_id,
    runs.starts_at,
    runs.next_at,
    {{ hours_between('runs.starts_at', 'runs.next_at') }}::numeric(12, 2) as hours
from runs
where
    runs.next_at is not null
    -- A gap in which a run can have gone unseen tells nothing of a habit.
    and not exists (
        select from unlistened
        where
            unlistened.account_id = runs.account_id
            and unlistened.unseen_from < runs.next_at
            and unlistened.unseen_to > runs.starts_at
    )
