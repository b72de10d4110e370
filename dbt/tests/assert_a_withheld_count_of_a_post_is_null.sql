select post_id
from {{ ref('fct_posts') }}
where
    false
    {% for metric in post_metrics() %}
        or ({{ metric }}_withheld and {{ metric }} is not null)
    {% endfor %}
