{{ config(
    materialized='incremental',
    unique_key=['account_id', 'date', 'metric'],
    indexes=[{'columns': ['account_id', 'date', 'metric'], 'unique': true}]
) }}

with

replies as (

    select * from {{ ref('int_accounts__insight_replies_new') }}
    where status = 'ok'

),

-- A series says of each value which day it is of, by the end of that day.
series as (

    select
        replies.account_id,
        {{ pacific_date("(daily.told ->> 'end_time')::timestamptz - interval '1 hour'") }} as date,
        items.item ->> 'name' as metric,
        {{ json_number("daily.told -> 'value'") }} as value,
        replies.captured_at,
        replies.content_hash
    from replies
    cross join lateral jsonb_array_elements({{ json_array("replies.payload -> 'data'") }}) as items (item)
    cross join lateral jsonb_array_elements({{ json_array("items.item -> 'values'") }}) as daily (told)
    where
        jsonb_typeof(items.item -> 'name') = 'string'
        and pg_input_is_valid(daily.told ->> 'end_time', 'timestamptz')

),

-- Everything else is of the day that was asked about.
told_at_once as (

    select * from replies
    where not jsonb_path_exists(payload, '$.data[*].values[*].end_time')

),

totals as (

    {{ numbers_of('told_at_once', 'account_id, since, captured_at, content_hash') }}

),

numbers as (

    select
        account_id,
        date,
        metric,
        value,
        captured_at,
        content_hash
    from series
    union all
    select
        account_id,
        {{ pacific_date('since') }} as date,
        metric,
        value,
        captured_at,
        content_hash
    from totals
    {% if is_incremental() %}
        union all
        select
            standing.account_id,
            standing.date,
            standing.metric,
            standing.value,
            standing.captured_at,
            standing.content_hash
        from {{ this }} as standing
        where standing.account_id in (select replies.account_id from replies)
    {% endif %}

)

select distinct on (account_id, date, metric)
    account_id,
    date,
    metric,
    value,
    captured_at,
    content_hash
from numbers
where value is not null
order by account_id asc, date asc, metric asc, captured_at desc, content_hash desc, value desc
