select
    account_id,
    day as date,
    stories
from {{ source('app', 'purged_stories') }}
