with

judged as (

    select * from {{ ref('int_campaigns__judged') }}

)

select
    campaign_id,
    content_id,
    content_type,
    account_id,
    posted_at,
    matched_by,
    evidence,
    confidence,
    count(*) over (partition by content_id)::integer as campaigns_matched
from judged
where exclusion is null
