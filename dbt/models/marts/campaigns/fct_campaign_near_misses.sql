with

near_misses as (

    select * from {{ ref('int_campaigns__near_misses') }}

),

judged as (

    select * from {{ ref('int_campaigns__judged') }}

),

kept as (

    select * from {{ ref('int_stories__kept') }}

)

select
    near_misses.campaign_id,
    near_misses.story_id,
    near_misses.suspect,
    near_misses.reason,
    near_misses.rule,
    near_misses.letters_off,
    judged.account_id,
    judged.posted_at,
    judged.confirmed is not null as is_decided,
    judged.confirmed as decision,
    judged.confirmed_by as decided_by,
    judged.confirmed_at as decided_at
from near_misses
inner join judged
    on
        near_misses.campaign_id = judged.campaign_id
        and near_misses.story_id = judged.content_id
inner join kept on near_misses.story_id = kept.story_id
