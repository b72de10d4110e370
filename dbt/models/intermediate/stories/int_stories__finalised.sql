{{ config(materialized='incremental', unique_key='story_id', indexes=[{'columns': ['story_id'], 'unique': true}]) }}

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
        story_id,
        captured_at,
        (views - lag(views) over by_time)
        / nullif({{ minutes_between('lag(captured_at) over by_time', 'captured_at') }}, 0) as views_per_minute
    from readings
    where views is not null
    window by_time as (partition by story_id order by captured_at)

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
        growth.views_per_minute,
        stories.expires_at > {{ as_of() }} as is_live,
        stories.expires_at - interval '10 minutes' as sweep_from
    from stories
    left join latest on stories.story_id = latest.story_id
    left join growth on latest.story_id = growth.story_id and latest.views_at = growth.captured_at

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
        finality = 'masked' or (is_live and views is null and withheld_at is not null) as is_withheld
    from classed

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
    -- greatest() skips nulls, and an unknown growth is not none.
    (
        case
            when finality in ('sweep', 'late') and views_per_minute is not null
                then greatest(views_per_minute, 0) * last_reading_age_minutes
        end
    )::numeric(30, 2) as estimated_undercount
from flagged
