select
    creator_id,
    name
from {{ source('app', 'creators') }}
