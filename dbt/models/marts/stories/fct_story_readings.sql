{{ config(
    materialized='incremental',
    unique_key=['story_id', 'captured_at'],
    on_schema_change='fail',
    post_hook='{{ delete_not_kept() }}'
) }}

with

readings as not materialized (

    select * from {{ ref('int_stories__readings_pivoted') }}

),

new_rows as (

    select * from {{ ref('int_landing__rows_new') }}
    where table_name = 'stories'

),

-- The readings with new replies, and all of a story with new content, which may say that it was posted at another time.
due as (

    select
        story_id,
        captured_at
    from {{ ref('int_stories__readings_touched') }}
    union distinct
    select
        story_id,
        captured_at
    from readings
    where story_id in (select new_rows.story_id from new_rows)
    {% if is_incremental() and not keeps_all() %}
        union distinct
        -- All of a story that a campaign has made one to be kept.
        select
            readings.story_id,
            readings.captured_at
        from {{ ref('fct_stories') }} as stories
        inner join readings on stories.story_id = readings.story_id
        where
            not exists (
                select standing.story_id
                from {{ this }} as standing
                where standing.story_id = stories.story_id
            )
    {% endif %}

)

select
    readings.story_id,
    readings.captured_at,
    ({{ minutes_between('stories.posted_at', 'readings.captured_at') }})::numeric(12, 2) as age_minutes,
    {% for metric in story_metrics() %}
        readings.{{ metric }},
    {% endfor %}
    {% for metric in metrics_asked_alone() %}
        readings.{{ metric }}_withheld,
    {% endfor %}
    readings.is_withheld
from due
inner join readings
    on
        due.story_id = readings.story_id
        and due.captured_at = readings.captured_at
inner join {{ ref('fct_stories') }} as stories on readings.story_id = stories.story_id
