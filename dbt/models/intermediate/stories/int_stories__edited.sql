{{ config(post_hook='analyze {{ this }}') }}

select
    story_id,
    {% for metric in story_metrics() %}
        max(value) filter (where metric = '{{ metric }}') as {{ metric }},
    {% endfor %}
    max(observed_at) filter (where metric = 'views') as views_observed_at
from {{ ref('int_entries__metrics') }}
where is_winner
group by story_id
