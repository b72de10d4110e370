select
    creators.creator_id,
    creators.name,
    count(accounts.account_id)::integer as accounts,
    count(connections.account_id)::integer as accounts_tracked
from {{ ref('stg_app__creators') }} as creators
left join {{ ref('stg_app__accounts') }} as accounts on creators.creator_id = accounts.creator_id
left join {{ ref('stg_app__connections') }} as connections on accounts.account_id = connections.account_id
group by creators.creator_id, creators.name
