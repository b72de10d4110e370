{{ config(indexes=[{'columns': ['story_id'], 'unique': true}], post_hook='analyze {{ this }}') }}

with

entered as (

    select * from {{ ref('int_stories__entered') }}

)

select
    stories.story_id,
    stories.account_id,
    stories.posted_at,
    coalesce(stories.caption, entered.caption) as caption,
    entered.link,
    'api' as provenance
from {{ ref('int_stories__versions_latest') }} as stories
left join entered on stories.story_id = entered.story_id
union all
select
    story_id,
    account_id,
    posted_at,
    caption,
    link,
    provenance
from {{ ref('int_stories__by_hand') }}
