-- And a count of a person's is one of the audit.
select stories.story_id
from {{ ref('fct_stories') }} as stories
where
    false
    {% for metric in story_metrics() %}
        or stories.{{ metric }}_source not in ('poll', 'webhook', 'manual')
        or (stories.{{ metric }}_source is null)
        <> (stories.{{ metric }} is null and not stories.{{ metric }}_withheld)
    {% endfor %}
