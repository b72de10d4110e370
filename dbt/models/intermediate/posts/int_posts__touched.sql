{{ config(materialized='view') }}

select post_id from {{ ref('stg_instagram__media') }}
where landing_id > {{ last_build('media', 0) }}::bigint
union distinct
select post_id from {{ ref('stg_instagram__media_insight_replies') }}
where landing_id > {{ last_build('media_insights', 0) }}::bigint
