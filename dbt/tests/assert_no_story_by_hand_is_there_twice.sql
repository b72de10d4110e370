-- Nor without its entry: what was merged or taken back is gone.
select
    stories.story_id,
    resolved.resolved_story_id
from {{ ref('fct_stories') }} as stories
left join {{ ref('int_entries__resolved') }} as resolved on stories.story_id = 'manual:' || resolved.entry_id
where
    (stories.provenance <> 'api' or starts_with(stories.story_id, 'manual:'))
    and (stories.provenance = 'api' or resolved.resolved_story_id is distinct from stories.story_id)
