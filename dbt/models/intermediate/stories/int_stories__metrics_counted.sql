{{ config(materialized='view') }}

with

replies as (

    select * from {{ ref('int_stories__replies_touched') }}
    where status = 'ok'

),

metrics as (

    select
        replies.*,
        items.item
    from replies
    cross join lateral jsonb_array_elements({{ json_array("replies.payload -> 'data'") }}) as items (item)
    where jsonb_typeof(items.item -> 'name') = 'string'

),

totals as (

    select
        story_id,
        captured_at,
        content_hash,
        item ->> 'name' as metric,
        coalesce(
            {{ json_count("item #> '{values,0,value}'") }},
            {{ json_count("item #> '{total_value,value}'") }}
        ) as value
    from metrics

),

parts as (

    select
        metrics.story_id,
        metrics.captured_at,
        metrics.content_hash,
        -- Documented in upper case, served in lower case.
        (metrics.item ->> 'name') || ':' || lower(results.result #>> '{dimension_values,0}') as metric,
        {{ json_count("results.result -> 'value'") }} as value
    from metrics
    cross join
        lateral jsonb_array_elements(
            {{ json_array("metrics.item #> '{total_value,breakdowns,0,results}'") }}
        ) as results (result)
    where jsonb_typeof(results.result #> '{dimension_values,0}') = 'string'

),

counts as (

    select * from totals
    union all
    select * from parts

)

-- Two groups of one reading can name the same metric: navigation comes plain and with its breakdown.
select distinct on (story_id, captured_at, metric)
    story_id,
    captured_at,
    metric,
    value
from counts
where value is not null
order by story_id asc, captured_at asc, metric asc, content_hash desc, value desc
