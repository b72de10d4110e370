{{ config(materialized='view') }}

with

resolved as (

    select * from {{ ref('int_entries__captures') }}
    union all
    select * from {{ ref('int_entries__uploads') }}
    union all
    select * from {{ ref('int_entries__remarks') }}

)

select
    entry_id,
    version,
    kind,
    resolved_story_id,
    resolved_by
from resolved
