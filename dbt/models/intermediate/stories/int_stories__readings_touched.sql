{{ config(post_hook='analyze {{ this }}') }}

select distinct
    story_id,
    captured_at
from {{ ref('int_landing__rows_new') }}
where table_name = 'story_insights'
