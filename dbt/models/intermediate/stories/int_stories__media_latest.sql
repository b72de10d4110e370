{{ config(materialized='view') }}

select distinct on (story_id)
    story_id,
    status as media_status,
    cause as media_cause,
    path as media_path
from {{ ref('stg_instagram__media_files') }}
where kind = 'media'
-- A file once archived stays archived, whatever a later try came to.
order by story_id asc, status = 'archived' desc, captured_at desc, content_hash desc
