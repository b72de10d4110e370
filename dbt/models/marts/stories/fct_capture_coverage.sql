with

gaps as (

    select * from {{ ref('int_accounts__gaps_explained') }}

),

runs as (

    select * from {{ ref('int_accounts__listing_runs') }}

),

-- A gap counts whole on every day that it touches, so that one of 24 hours shows as such.
daily_gaps as (

    select
        gaps.*,
        days.day::date as date
    from gaps
    cross join lateral {{ utc_days('gaps.starts_at', 'gaps.ends_at') }} as days (day)

),

-- Of a run of good listings the longest interval is enough: it is short, and has no cause.
daily_intervals as (

    select
        account_id,
        date,
        starts_at,
        minutes,
        cause
    from daily_gaps
    union all
    select
        account_id,
        date,
        first_at as starts_at,
        longest_minutes as minutes,
        null as cause
    from runs
    where longest_minutes is not null

),

longest_gaps as (

    select distinct on (account_id, date)
        account_id,
        date,
        minutes,
        cause
    from daily_intervals
    order by account_id asc, date asc, minutes desc, starts_at asc

),

incomplete as (

    select distinct
        account_id,
        date
    from daily_gaps
    where unseen_to is not null

),

-- Two such intervals of an account that do not meet are 24 hours apart, so that a day has one at most.
unseen as (

    select
        gaps.account_id,
        days.day::date as date,
        min(greatest(gaps.unseen_from, days.day at time zone 'UTC')) as unseen_from,
        max(least(gaps.unseen_to, (days.day + interval '1 day') at time zone 'UTC')) as unseen_to
    from gaps
    cross join lateral {{ utc_days('gaps.unseen_from', 'gaps.unseen_to') }} as days (day)
    where gaps.unseen_to > gaps.unseen_from
    group by gaps.account_id, days.day

),

-- How many listings each stretch of time was to have in which the account was to be captured at one cadence.
due as (

    select
        periods.account_id,
        days.day::date as date,
        sum(
            extract(
                epoch from
                least(
                    periods.ends_at,
                    cadences.ends_at,
                    {{ as_of() }},
                    (days.day + interval '1 day') at time zone 'UTC'
                )
                - greatest(periods.starts_at, cadences.starts_at, days.day at time zone 'UTC')
            )
            / cadences.seconds
        ) as listings
    from {{ ref('int_accounts__periods') }} as periods
    cross join lateral {{ utc_days('periods.starts_at', 'least(periods.ends_at, ' ~ as_of() ~ ')') }} as days (day)
    inner join {{ ref('stg_app__listing_cadences') }} as cadences
        on
            cadences.starts_at < least(periods.ends_at, (days.day + interval '1 day') at time zone 'UTC')
            and cadences.ends_at > greatest(periods.starts_at, days.day at time zone 'UTC')
    where periods.cause is null
    group by periods.account_id, days.day

),

listings as (

    select
        account_id,
        date,
        sum(listings) filter (where status = 'ok') as done,
        sum(listings) filter (where status = 'failed') as failed
    from runs
    group by account_id, date

),

stories as (

    select
        account_id,
        {{ utc_date('posted_at') }} as date,
        {% for finality in finalities() %}
            count(*) filter (where finality = '{{ finality }}') as stories_{{ finality }},
        {% endfor %}
        {% for percent in [50, 95] %}
            percentile_cont({{ percent / 100 }}) within group (order by detection_minutes)
                as detection_p{{ percent }}_minutes,
        {% endfor %}
        mode() within group (order by loss_cause) as lost_cause,
        count(*) as kept
    from {{ ref('fct_stories') }}
    where provenance = 'api'
    group by account_id, {{ utc_date('posted_at') }}

),

-- What no listing showed is no proof that a listing would have.
by_hand as (

    select
        account_id,
        {{ utc_date('posted_at') }} as date,
        count(*) as stories
    from {{ ref('fct_stories') }}
    where provenance <> 'api'
    group by account_id, {{ utc_date('posted_at') }}

),

-- Stories that the policy leaves out of the other marts, and those whose rows it has deleted since.
left_out as (

    select
        stories.account_id,
        {{ utc_date('stories.posted_at') }} as date,
        count(*) as stories
    from {{ ref('int_stories__versions_latest') }} as stories
    left join {{ ref('int_stories__kept') }} as kept on stories.story_id = kept.story_id
    where kept.story_id is null
    group by stories.account_id, {{ utc_date('stories.posted_at') }}
    union all
    select
        account_id,
        date,
        stories
    from {{ ref('stg_app__purged_stories') }}

),

not_kept as (

    select
        account_id,
        date,
        sum(stories) as stories
    from left_out
    group by account_id, date

)

select
    longest_gaps.account_id,
    longest_gaps.date,
    floor(coalesce(due.listings, 0))::integer as listings_due,
    coalesce(listings.done, 0)::integer as listings_done,
    coalesce(listings.failed, 0)::integer as listings_failed,
    longest_gaps.minutes::numeric(12, 2) as longest_gap_minutes,
    longest_gaps.cause as gap_cause,
    incomplete.account_id is null as is_complete,
    unseen.unseen_from,
    unseen.unseen_to,
    coalesce({{ minutes_between('unseen.unseen_from', 'unseen.unseen_to') }}, 0)::numeric(12, 2)
        as unseen_possible_minutes,
    stories.detection_p50_minutes::numeric(12, 2) as detection_p50_minutes,
    stories.detection_p95_minutes::numeric(12, 2) as detection_p95_minutes,
    {% for finality in finalities() %}
        coalesce(stories.stories_{{ finality }}, 0)::integer as stories_{{ finality }},
    {% endfor %}
    stories.lost_cause as stories_lost_cause,
    coalesce(not_kept.stories, 0)::integer as stories_not_kept,
    (coalesce(stories.kept, 0) + coalesce(not_kept.stories, 0))::integer as stories_seen,
    coalesce(by_hand.stories, 0)::integer as stories_by_hand
from longest_gaps
left join incomplete
    on
        longest_gaps.account_id = incomplete.account_id
        and longest_gaps.date = incomplete.date
left join unseen
    on
        longest_gaps.account_id = unseen.account_id
        and longest_gaps.date = unseen.date
left join due
    on
        longest_gaps.account_id = due.account_id
        and longest_gaps.date = due.date
left join listings
    on
        longest_gaps.account_id = listings.account_id
        and longest_gaps.date = listings.date
left join stories
    on
        longest_gaps.account_id = stories.account_id
        and longest_gaps.date = stories.date
left join not_kept
    on
        longest_gaps.account_id = not_kept.account_id
        and longest_gaps.date = not_kept.date
left join by_hand
    on
        longest_gaps.account_id = by_hand.account_id
        and longest_gaps.date = by_hand.date
