{{ config(
    materialized='incremental',
    unique_key=['account_id', 'date'],
    indexes=[{'columns': ['account_id', 'date']}]
) }}

with

replies as (

    select
        *,
        {{ utc_date('captured_at') }} as date,
        case metric when 'follower_demographics' then 'followers' else 'engaged_' || timeframe end as audience,
        -- As it is asked, age,gender; both parts are dimensions too.
        regexp_split_to_array(lower(dimension), '[^a-z]+') as dimensions
    from {{ ref('stg_instagram__audience_replies') }}
    where metric in ('follower_demographics', 'engaged_audience_demographics')

),

touched as (

    select distinct
        replies.account_id,
        replies.date
    from replies
    inner join {{ ref('int_landing__rows_new') }} as arrived
        on
            replies.landing_id = arrived.landing_id
            and arrived.table_name = 'audience'

),

known as (

    select
        replies.*,
        replies.status = 'ok'
        and jsonb_path_exists(replies.payload, '$.data[*].total_value.breakdowns[*].results[*]') as has_people
    from replies
    inner join touched
        on
            replies.account_id = touched.account_id
            and replies.date = touched.date

),

-- The last reply of a day counts, and one that has people in it before one without.
chosen as (

    select distinct on (account_id, date, audience, dimension) *
    from known
    order by
        account_id asc, date asc, audience asc, dimension asc, has_people desc, captured_at desc, content_hash desc

),

breakdowns as (

    select
        chosen.account_id,
        chosen.date,
        chosen.captured_at,
        chosen.audience,
        chosen.dimensions,
        items.item #> '{total_value,breakdowns,0}' as breakdown
    from chosen
    cross join lateral jsonb_array_elements({{ json_array("chosen.payload -> 'data'") }}) as items (item)
    where chosen.has_people

),

told as (

    select
        breakdowns.account_id,
        breakdowns.date,
        breakdowns.captured_at,
        breakdowns.audience,
        breakdowns.dimensions,
        texts.parts,
        {{ json_count("results.result -> 'value'") }} as accounts
    from breakdowns
    cross join lateral jsonb_array_elements({{ json_array("breakdowns.breakdown -> 'results'") }}) as results (result)
    cross join
        lateral (
            select array_agg(cells.value order by cells.place) as parts
            from
                jsonb_array_elements_text({{ json_array("results.result -> 'dimension_values'") }})
                with ordinality as cells (value, place)
            -- A timeframe is a dimension of its own in the reply.
            where
                (breakdowns.breakdown #>> array['dimension_keys', (cells.place - 1)::text])
                is distinct from 'timeframe'
        ) as texts

),

counted as (

    select
        account_id,
        date,
        captured_at,
        audience,
        array_to_string(dimensions, '_') as dimension,
        array_to_string(parts, ' ') as value,
        accounts,
        true as is_asked,
        false as is_refused
    from told
    union all
    -- Every person has one age and one gender, so that the parts add up.
    select
        told.account_id,
        told.date,
        told.captured_at,
        told.audience,
        parts.dimension,
        told.parts[parts.place] as value,
        sum(told.accounts)::bigint as accounts,
        false as is_asked,
        false as is_refused
    from told
    cross join lateral unnest(told.dimensions) with ordinality as parts (dimension, place)
    where cardinality(told.dimensions) > 1
    group by told.account_id, told.date, told.captured_at, told.audience, parts.dimension, told.parts[parts.place]

),

absent as (

    select
        account_id,
        date,
        captured_at,
        audience,
        array_to_string(dimensions, '_') as dimension,
        'unavailable' as value,
        null::bigint as accounts,
        true as is_asked,
        status = 'refused' as is_refused
    from chosen
    where not has_people

),

every as (

    select * from counted
    union all
    select * from absent

)

select distinct on (account_id, date, audience, dimension, value)
    account_id,
    date,
    captured_at,
    audience,
    dimension,
    value,
    accounts,
    is_refused
from every
where value is not null
order by account_id asc, date asc, audience asc, dimension asc, value asc, is_asked desc, captured_at desc
