{{ config(
    materialized='incremental',
    unique_key=['account_id', 'date'],
    indexes=[{'columns': ['account_id', 'date']}]
) }}

-- depends_on: {{ ref('int_landing__rows_new') }}

-- A run ends with its day, so that a listing that comes late concerns that day alone, whatever came before and after.
with

listings as (

    select * from {{ ref('stg_instagram__story_listings') }}

),

{% if is_incremental() %}

    touched as (

        select distinct
            account_id,
            {{ utc_date('captured_at') }} as date
        from {{ ref('int_landing__rows_new') }}
        where table_name = 'story_listings'

    ),

    known as (

        select listings_of_day.*
        from touched
        cross join lateral (
            select listings.*
            from listings
            where
                listings.account_id = touched.account_id
                and listings.date = touched.date
                and listings.captured_at >= touched.date::timestamp at time zone 'UTC'
                and listings.captured_at < (touched.date + 1)::timestamp at time zone 'UTC'
            -- With an order, each day is looked up in its partition. Without, Postgres joins the whole history.
            order by listings.captured_at
        ) as listings_of_day

    ),

{% else %}

    known as (select * from listings),

{% endif %}

compared as (

    select
        *,
        ({{ minutes_between('lag(captured_at) over in_order', 'captured_at') }})::numeric(12, 2) as minutes,
        coalesce(
            status = lag(status) over in_order
            and cause is not distinct from lag(cause) over in_order,
            false
        ) as is_same
    from known
    window in_order as (partition by account_id, date order by captured_at, status)

),

numbered as (

    select
        account_id,
        date,
        captured_at,
        status,
        cause,
        case when is_same and status = 'ok' and minutes <= 60 then minutes end as minutes,
        count(*) filter (where not is_same or (status = 'ok' and minutes > 60)) over in_order as run
    from compared
    window in_order as (partition by account_id, date order by captured_at, status)

)

select
    account_id,
    date,
    status,
    cause,
    min(captured_at) as first_at,
    max(captured_at) as last_at,
    count(*) as listings,
    max(minutes) as longest_minutes
from numbered
group by account_id, date, run, status, cause
