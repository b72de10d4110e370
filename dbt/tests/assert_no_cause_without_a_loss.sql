select story_id
from {{ ref('fct_stories') }}
where loss_cause is not null and finality not in ('late', 'missing')
