{{ config(materialized='view') }}

select
    replies.account_id,
    replies.since,
    replies.captured_at,
    replies.status,
    replies.payload,
    replies.content_hash
from {{ ref('stg_instagram__account_insight_replies') }} as replies
inner join {{ ref('int_landing__rows_new') }} as arrived
    on
        replies.landing_id = arrived.landing_id
        and arrived.table_name = 'account_insights'
