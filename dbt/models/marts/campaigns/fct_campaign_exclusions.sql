with

judged as (

    select * from {{ ref('int_campaigns__judged') }}

),

kept as (

    select * from {{ ref('int_stories__kept') }}

)

select
    judged.campaign_id,
    judged.content_id as story_id,
    judged.account_id,
    judged.posted_at,
    judged.provenance,
    judged.exclusion as reason,
    judged.assigned,
    judged.assigned_by,
    judged.assigned_at,
    judged.confirmed,
    judged.confirmed_by,
    judged.confirmed_at
from judged
inner join kept on judged.content_id = kept.story_id
where judged.content_type = 'story' and judged.exclusion is not null
