select story_id
from {{ ref('fct_stories') }}
where finality in ('sweep', 'masked') and (last_reading_at is null or last_reading_age_minutes > 10)
