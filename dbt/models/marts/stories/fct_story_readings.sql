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
from {{ ref('int_stories__readings_pivoted') }} as readings
inner join {{ ref('fct_stories') }} as stories on readings.story_id = stories.story_id
