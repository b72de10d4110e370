with

gaps as (

    select * from {{ ref('int_accounts__gaps_explained') }}

),

-- A gap counts whole on every day that it touches, so that one of 24 hours shows as such.
daily_gaps as (

    select
        gaps.*,
        days.day::date as date
    from gaps
    cross join
        lateral generate_series(
            {{ utc_date('gaps.starts_at') }}::timestamp,
            (gaps.ends_at - interval '1 microsecond') at time zone 'UTC',
            interval '1 day'
        ) as days (day)

),

longest_gaps as (

    select distinct on (account_id, date)
        account_id,
        date,
        minutes,
        cause
    from daily_gaps
    order by account_id asc, date asc, minutes desc, starts_at asc

),

listings as (

    select
        account_id,
        {{ utc_date('captured_at') }} as date,
        count(*) filter (where status = 'ok') as done,
        count(*) filter (where status = 'failed') as failed
    from {{ ref('stg_instagram__story_listings') }}
    group by account_id, {{ utc_date('captured_at') }}

),

stories as (

    select
        account_id,
        {{ utc_date('posted_at') }} as date,
        {% for finality in finalities() %}
            count(*) filter (where finality = '{{ finality }}') as stories_{{ finality }},
        {% endfor %}
        count(*) as kept
    from {{ ref('fct_stories') }}
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
    coalesce(listings.done, 0)::integer as listings_done,
    coalesce(listings.failed, 0)::integer as listings_failed,
    longest_gaps.minutes::numeric(12, 2) as longest_gap_minutes,
    longest_gaps.cause as gap_cause,
    {% for finality in finalities() %}
        coalesce(stories.stories_{{ finality }}, 0)::integer as stories_{{ finality }},
    {% endfor %}
    coalesce(not_kept.stories, 0)::integer as stories_not_kept,
    (coalesce(stories.kept, 0) + coalesce(not_kept.stories, 0))::integer as stories_seen
from longest_gaps
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
