with

absent as (

    select
        account_id,
        date,
        audience,
        dimension,
        captured_at,
        is_refused
    from {{ ref('int_audience__snapshots') }}
    where value = 'unavailable'

),

profiles as (

    select * from {{ ref('stg_instagram__account_profiles') }}
    where followers is not null

),

tracked as (

    select * from {{ ref('int_accounts__tracked') }}

),

posted as (

    select
        account_id,
        posted_at
    from {{ ref('int_stories__versions_latest') }}
    union all
    select
        account_id,
        posted_at
    from {{ ref('int_posts__versions_latest') }}
    union all
    -- Of stories that were deleted by policy, only the day is known.
    select
        account_id,
        date::timestamp at time zone 'UTC' as posted_at
    from {{ ref('stg_app__purged_stories') }}

),

last_posts as (

    select
        absent.account_id,
        absent.captured_at,
        max(posted.posted_at) as posted_at
    from absent
    inner join posted
        on
            absent.account_id = posted.account_id
            and absent.captured_at >= posted.posted_at
    group by absent.account_id, absent.captured_at

),

-- The profile is read beside the audience: a little before it or a little after.
with_followers as (

    select
        absent.*,
        known.followers
    from absent
    left join lateral (
        select profiles.followers
        from profiles
        where
            profiles.account_id = absent.account_id
            and profiles.captured_at <= absent.captured_at + interval '1 day'
        order by profiles.captured_at desc
        limit 1
    ) as known on true

)

select
    with_followers.account_id,
    with_followers.date,
    with_followers.audience,
    with_followers.dimension,
    case
        when with_followers.is_refused then 'unknown'
        when with_followers.followers < {{ var('audience_follower_floor') }} then 'below_follower_floor'
        -- Before the account was captured, stories came and went unseen.
        when tracked.tracked_from > with_followers.captured_at - interval '30 days' then 'unknown'
        when coalesce(last_posts.posted_at, '-infinity') < with_followers.captured_at - interval '30 days'
            then 'low_activity_30d'
        else 'unknown'
    end as unavailable_reason
from with_followers
left join tracked on with_followers.account_id = tracked.account_id
left join last_posts
    on
        with_followers.account_id = last_posts.account_id
        and with_followers.captured_at = last_posts.captured_at
