{{ config(
    materialized='incremental',
    unique_key='story_id',
    indexes=[{'columns': ['story_id'], 'unique': true}, {'columns': ['account_id', 'expires_at']}, {'columns': ['expires_at']}]
) }}

with

stories as (

    select * from {{ ref('int_stories__touched') }}

),

readings as (

    select * from {{ ref('int_stories__readings_pivoted') }}
    where story_id in (select stories.story_id from stories)

),

-- The last known value of every metric: a count that was once served stays known when later replies say nothing.
latest as (

    select
        story_id,
        {% for metric in story_metrics() %}
            {{ last_known(metric) }} as {{ metric }},
        {% endfor %}
        max(captured_at) filter (where views is not null) as views_at,
        {% for metric in metrics_asked_alone() %}
            max(captured_at) filter (where {{ metric }}_withheld) as {{ metric }}_withheld_at,
        {% endfor %}
        max(captured_at) filter (where is_withheld) as withheld_at
    from readings
    group by story_id

),

growth as (

    select
        readings.story_id,
        readings.captured_at,
        -- greatest() skips nulls, and an unknown growth is not none.
        case
            when lag(readings.views) over by_time is not null
                then greatest(readings.views - lag(readings.views) over by_time, 0)
        end as views_grown,
        {{ minutes_between('lag(readings.captured_at) over by_time', 'readings.captured_at') }} as minutes_grown,
        {{ minutes_between(
            'coalesce(lag(readings.captured_at) over by_time, stories.posted_at)', 'readings.captured_at'
        ) }} as minutes_unread
    from readings
    inner join stories on readings.story_id = stories.story_id
    where readings.views is not null
    window by_time as (partition by readings.story_id order by readings.captured_at)

),

holes as (

    select
        story_id,
        max(minutes_unread) as longest_unread_minutes
    from growth
    group by story_id

),

timed as (

    select
        stories.story_id,
        stories.account_id,
        stories.posted_at,
        stories.expires_at,
        stories.first_seen_at,
        stories.media_type,
        stories.permalink,
        stories.caption,
        {% for metric in story_metrics() %}
            latest.{{ metric }},
        {% endfor %}
        {% for metric in metrics_asked_alone() %}
            latest.{{ metric }}_withheld_at,
        {% endfor %}
        latest.withheld_at,
        coalesce(latest.views_at, latest.withheld_at) as last_reading_at,
        growth.views_grown,
        growth.minutes_grown,
        holes.longest_unread_minutes,
        stories.expires_at > {{ as_of() }} as is_live,
        stories.expires_at - interval '10 minutes' as sweep_from
    from stories
    left join latest on stories.story_id = latest.story_id
    left join growth on latest.story_id = growth.story_id and latest.views_at = growth.captured_at
    left join holes on stories.story_id = holes.story_id

),

classed as (

    select
        *,
        case
            when is_live then 'live'
            when views is not null and last_reading_at >= sweep_from then 'sweep'
            when views is not null then 'late'
            -- An older refusal does not tell how many viewers came after it.
            when withheld_at >= sweep_from then 'masked'
            else 'missing'
        end as finality,
        case
            when last_reading_at is not null
                then greatest({{ minutes_between('last_reading_at', 'least(expires_at, ' ~ as_of() ~ ')') }}, 0)
        end as last_reading_age_minutes
    from timed

),

flagged as (

    select
        *,
        finality = 'masked' or (is_live and views is null and withheld_at is not null) as is_withheld,
        -- The time since the last reading, in times of that between the last two.
        case when finality in ('sweep', 'late') then last_reading_age_minutes / minutes_grown end as times_on
    from classed

),

-- The growth between the last two readings, carried on as if the views came at random: half a view more, since a
-- growth of 0 is no proof that none will come.
carried_on as (

    select
        *,
        views_grown * times_on as growth_mean,
        (views_grown + 0.5) * times_on as growth_centre,
        {{ chance('(views_grown + 0.5) * times_on * (1 + times_on)') }} as growth_spread
    from flagged

)

select
    story_id,
    account_id,
    posted_at,
    expires_at,
    first_seen_at,
    media_type,
    permalink,
    caption,
    {% for metric in story_metrics() %}
        {{ metric }},
    {% endfor %}
    last_reading_at,
    last_reading_age_minutes::numeric(12, 2) as last_reading_age_minutes,
    longest_unread_minutes::numeric(12, 2) as longest_unread_minutes,
    finality,
    -- All that can be known of the final number is known.
    finality in ('webhook', 'sweep', 'masked', 'manual') as is_final,
    is_withheld,
    {% for metric in story_metrics() if metric not in metrics_asked_alone() %}
        is_withheld and {{ metric }} is null as {{ metric }}_withheld,
    {% endfor %}
    {% for metric in metrics_asked_alone() %}
        {{ metric }} is null and coalesce(is_live or {{ metric }}_withheld_at >= sweep_from, false)
        and {{ metric }}_withheld_at is not null as {{ metric }}_withheld,
    {% endfor %}
    growth_mean::numeric(30, 2) as estimated_undercount,
    -- Growth slows down, so that over hours nothing bounds it from below.
    case
        when finality = 'sweep' and growth_mean is not null then floor(greatest(growth_centre - growth_spread, 0))
        else 0 * growth_mean
    end::numeric(30, 2) as estimated_undercount_low,
    ceil(growth_centre + growth_spread)::numeric(30, 2) as estimated_undercount_high
from carried_on
