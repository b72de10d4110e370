{{ config(
    materialized='incremental',
    unique_key=['account_id', 'date'],
    indexes=[{'columns': ['account_id', 'date']}]
) }}

-- A run ends with its day, so that a listing that comes late concerns that day alone, whatever came before and after.
with

listings as (

    select * from {{ ref('stg_instagram__story_listings') }}

),

touched as (

    select distinct
        account_id,
        {{ utc_date('captured_at') }} as date
    from {{ ref('int_landing__rows_new') }}
    where table_name = 'story_listings'

),

compared as (

    select
        listings.*,
        ({{ minutes_between('lag(listings.captured_at) over in_order', 'listings.captured_at') }})::numeric(12, 2)
            as minutes,
        coalesce(
            listings.status = lag(listings.status) over in_order
            and listings.cause is not distinct from lag(listings.cause) over in_order,
            false
        ) as is_same
    from listings
    {% if is_incremental() %}
        inner join touched
            on
                listings.account_id = touched.account_id
                and listings.date = touched.date
    {% endif %}
    window in_order as (partition by listings.account_id, listings.date order by listings.captured_at, listings.status)

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
