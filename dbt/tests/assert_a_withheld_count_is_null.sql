select story_id
from {{ ref('fct_stories') }}
where
    false
    {% for metric in story_metrics() %}
        or ({{ metric }}_withheld and {{ metric }} is not null)
    {% endfor %}
