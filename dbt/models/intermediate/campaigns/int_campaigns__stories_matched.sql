{{ config(materialized='view') }}

select
    campaign_id,
    content_id as story_id
from {{ ref('int_campaigns__content_matched') }}
where content_type = 'story'
