-- Once, as itself or as the story of the API that it is; unless the policy leaves it out. What was entered while the
-- build was under way is for the next one.
with

entered as (

    select distinct on (entry_id)
        entry_id,
        kind,
        is_withdrawn
    from {{ source('entries', 'manual_entries') }}
    where
        {{ is_known('manual_entries') }}
        and landing_id <= (select max(versions.landing_id) from {{ ref('int_entries__versions') }} as versions)
    order by entry_id asc, version desc

)

select
    entered.entry_id,
    resolved.resolved_story_id
from entered
left join {{ ref('int_entries__resolved') }} as resolved on entered.entry_id = resolved.entry_id
left join {{ ref('int_stories__known') }} as known on resolved.resolved_story_id = known.story_id
left join {{ ref('fct_stories') }} as stories on resolved.resolved_story_id = stories.story_id
where
    entered.kind in ('story_capture', 'creator_upload')
    and not entered.is_withdrawn
    and (
        known.story_id is null
        or (
            stories.story_id is null
            {% if not keeps_all() %}
                and known.story_id in (select content.story_id from {{ ref('fct_campaign_content') }} as content)
            {% endif %}
        )
    )
