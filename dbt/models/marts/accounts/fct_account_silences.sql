with

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

periods as (

    select * from {{ ref('int_accounts__periods') }}
    where ends_at = 'infinity'

),

listings as (

    select
        account_id,
        max(last_at) as listened_until
    from {{ ref('int_accounts__listing_runs') }}
    where status = 'ok'
    group by account_id

),

stories as (

    select
        account_id,
        max(posted_at) as silent_since
    from {{ ref('int_stories__versions_latest') }}
    where posted_at <= {{ as_of() }}
    group by account_id

),

purged as (

    select
        account_id,
        max(date)::timestamp at time zone 'UTC' as silent_since
    from {{ ref('stg_app__purged_stories') }}
    group by account_id

),

ranked_gaps as (

    select
        account_id,
        hours,
        row_number() over (partition by account_id order by starts_at desc) as place
    from {{ ref('int_accounts__posting_gaps') }}

),

habits as (

    select
        account_id,
        count(*)::integer as gaps,
        percentile_cont(0.5) within group (order by hours)::numeric as usual_gap_hours
    from ranked_gaps
    where place <= {{ most_gaps_of_a_habit() }}
    group by account_id

),

last_seen as (

    select
        listings.account_id,
        listings.listened_until,
        greatest(stories.silent_since, purged.silent_since) as silent_since
    from listings
    left join stories on listings.account_id = stories.account_id
    left join purged on listings.account_id = purged.account_id

),

unlistened as (

    select
        last_seen.account_id,
        sum(
            {{ hours_between(
                'greatest(unlistened.unseen_from, last_seen.silent_since)',
                'least(unlistened.unseen_to, last_seen.listened_until)'
            ) }}
        ) as hours
    from last_seen
    inner join {{ ref('int_accounts__unlistened') }} as unlistened
        on
            last_seen.account_id = unlistened.account_id
            and last_seen.silent_since < unlistened.unseen_to
            and last_seen.listened_until > unlistened.unseen_from
    group by last_seen.account_id

),

measured as (

    select
        last_seen.account_id,
        coalesce(habits.gaps, 0) as gaps_known,
        case when habits.gaps >= {{ fewest_gaps_of_a_habit() }} then habits.usual_gap_hours end as usual_gap_hours,
        last_seen.silent_since,
        last_seen.listened_until,
        coalesce(unlistened.hours, 0) as hours_not_listened,
        -- A story may have been seen in the very listing that ended the listening.
        case
            when last_seen.silent_since is not null
                then greatest(
                    {{ hours_between('last_seen.silent_since', 'last_seen.listened_until') }}
                    - coalesce(unlistened.hours, 0),
                    0
                )
        end as hours_silent,
        periods.cause is null as is_listened_to
    from last_seen
    inner join periods on last_seen.account_id = periods.account_id
    left join habits on last_seen.account_id = habits.account_id
    left join unlistened on last_seen.account_id = unlistened.account_id

)

select
    measured.account_id,
    accounts.username,
    measured.gaps_known,
    measured.usual_gap_hours::numeric(12, 2) as usual_gap_hours,
    coalesce(measured.usual_gap_hours <= {{ daily_gap_hours() }}, false) as posts_daily,
    measured.silent_since,
    measured.listened_until,
    measured.hours_silent::numeric(12, 2) as hours_silent,
    measured.hours_not_listened::numeric(12, 2) as hours_not_listened,
    measured.is_listened_to,
    coalesce(
        measured.is_listened_to
        and measured.usual_gap_hours <= {{ daily_gap_hours() }}
        and measured.hours_silent >= {{ alarming_gaps() }} * measured.usual_gap_hours,
        false
    ) as is_alarm
from measured
inner join accounts on measured.account_id = accounts.account_id
