select staged.story_id
from {{ ref('stg_instagram__stories') }} as staged
left join {{ ref('fct_stories') }} as stories on staged.story_id = stories.story_id
where stories.story_id is null
