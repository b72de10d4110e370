{{ config(materialized='incremental', unique_key='story_id', indexes=[{'columns': ['story_id'], 'unique': true}]) }}

with

new_rows as (

    select * from {{ ref('int_landing__rows_new') }}
    where table_name = 'media_files'

)

select distinct on (story_id)
    story_id,
    status as media_status,
    cause as media_cause,
    path as media_path
from {{ ref('stg_instagram__media_files') }}
where
    kind = 'media'
    and story_id in (select new_rows.story_id from new_rows)
-- A file once archived stays archived, whatever a later try came to.
order by story_id asc, status = 'archived' desc, captured_at desc, content_hash desc
