-- Chosen anew at each build, for every story that needs it: they are few, and what explains them may come late.
with

lost as (

    select
        story_id,
        account_id,
        expires_at,
        expires_at - interval '10 minutes' as sweep_from,
        coalesce(last_reading_at, posted_at) as unread_since
    from {{ ref('int_stories__finalised') }}
    where finality in ('late', 'missing')

),

replies as (

    select * from {{ ref('stg_instagram__story_insight_replies') }}
    where split_part(metric_group, ':', 1) = 'core'

),

-- To be looked up by time, story by story.
runs as not materialized (

    select * from {{ ref('stg_app__capture_runs') }}

),

-- The ledger knows an account by its handle, which may have changed since: the node had the one of its time.
handles as (

    select
        lost.story_id,
        nodes.username
    from lost
    inner join {{ ref('stg_instagram__stories') }} as nodes on lost.story_id = nodes.story_id
    union distinct
    select
        lost.story_id,
        accounts.username
    from lost
    inner join {{ ref('stg_app__accounts') }} as accounts on lost.account_id = accounts.account_id

),

-- All that may explain a loss. What stands higher counts first, then what came last.
told as (

    -- What holds for the story for good, what came instead of its last reading, or what came before that.
    select
        lost.story_id,
        case when replies.error_subcode = 2108006 then 1 when replies.captured_at >= lost.sweep_from then 5 else 8 end
            as place,
        replies.captured_at as told_at,
        case
            -- Replies that are withheld carry code 10 too.
            when replies.status = 'refused' and (replies.error_code = 10 or replies.error_code between 200 and 299)
                then 'permission'
            -- That it is not there says nothing of a story where many were told so at once.
            when replies.error_subcode = 33 and runs.causes -> 'platform_incident' is not null
                then 'platform_incident'
            else 'not_offered'
        end as cause
    from lost
    inner join replies
        on
            lost.story_id = replies.story_id
            and lost.unread_since < replies.captured_at
            and lost.expires_at >= replies.captured_at
    left join runs on replies.run_id = runs.run_id
    where replies.status = 'refused' or replies.captured_at >= lost.sweep_from
    union all
    select
        lost.story_id,
        2 as place,
        periods.starts_at as told_at,
        periods.insights_cause as cause
    from lost
    inner join {{ ref('int_accounts__periods') }} as periods
        on
            lost.account_id = periods.account_id
            and lost.expires_at > periods.starts_at
            and lost.sweep_from < periods.ends_at
            and periods.insights_cause is not null
    union all
    select
        lost.story_id,
        case when listings.captured_at >= lost.sweep_from then 3 else 8 end as place,
        listings.captured_at as told_at,
        listings.cause
    from lost
    inner join {{ ref('stg_instagram__story_listings') }} as listings
        on
            lost.account_id = listings.account_id
            and lost.unread_since < listings.captured_at
            and lost.expires_at >= listings.captured_at
            and listings.status = 'failed'
            and listings.cause is not null
    union all
    select
        lost.story_id,
        4 as place,
        runs.clock_at as told_at,
        causes.cause
    from lost
    inner join handles on lost.story_id = handles.story_id
    inner join runs on lost.sweep_from <= runs.clock_at and lost.expires_at > runs.clock_at
    cross join lateral jsonb_each(runs.causes) as causes (cause, usernames)
    where causes.usernames @> to_jsonb(handles.username)
    union all
    select
        lost.story_id,
        6 as place,
        lost.expires_at as told_at,
        'our_outage' as cause
    from lost
    where
        not exists (
            select runs.run_id
            from runs
            where
                lost.sweep_from <= runs.clock_at
                and lost.expires_at > runs.clock_at
                and runs.status in ('ok', 'trouble')
        )
    union all
    -- A gap has one cause for all its time, which may have begun after the story's end: what was there counts first.
    select
        lost.story_id,
        7 as place,
        gaps.starts_at as told_at,
        gaps.cause
    from lost
    inner join {{ ref('int_accounts__gaps_explained') }} as gaps
        on
            lost.account_id = gaps.account_id
            and lost.expires_at > gaps.starts_at
            and lost.sweep_from < gaps.ends_at
            and gaps.cause is not null
    union all
    -- All went well, as far as anything tells, and the story was not read: it was ours to read.
    select
        lost.story_id,
        9 as place,
        lost.expires_at as told_at,
        'our_outage' as cause
    from lost

)

select distinct on (story_id)
    story_id,
    cause
from told
order by story_id asc, place asc, told_at desc, cause asc
