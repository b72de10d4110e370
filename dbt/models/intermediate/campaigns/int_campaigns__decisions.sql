with

matches as (

    select * from {{ ref('int_entries__matches') }}

),

-- Two entries may turn out to be about one story: the later word holds.
latest as (

    select distinct on (campaign_id, story_id, kind) *
    from matches
    order by campaign_id asc, story_id asc, kind asc, entered_at desc, entry_id desc

)

select
    campaign_id,
    story_id,
    max(decision) filter (where kind = 'assign') as assigned,
    max(author) filter (where kind = 'assign') as assigned_by,
    max(entered_at) filter (where kind = 'assign') as assigned_at,
    max(decision) filter (where kind = 'confirm_match') as confirmed,
    max(author) filter (where kind = 'confirm_match') as confirmed_by,
    max(entered_at) filter (where kind = 'confirm_match') as confirmed_at
from latest
group by campaign_id, story_id
