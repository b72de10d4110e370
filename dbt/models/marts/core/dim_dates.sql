with

moments as (

    select {{ as_of() }} as moment
    union all
    select min(posted_at) as moment from {{ ref('int_stories__versions_latest') }}
    union all
    select min(posted_at) as moment from {{ ref('int_posts__versions_latest') }}
    union all
    select min(date)::timestamp at time zone 'UTC' as moment from {{ ref('int_accounts__insights_latest') }}
    union all
    select min(starts_at) as moment from {{ ref('stg_app__campaigns') }}
    union all
    select max(ends_at) as moment from {{ ref('stg_app__campaigns') }}
    union all
    select min(known_from) as moment from {{ ref('int_accounts__tracked') }}
    union all
    select {{ as_of() }} + interval '1 year' as moment

),

-- A day more at both ends: in some time zone it is that day already, or still.
range as (

    select
        {{ utc_date('min(moment)') }} - 1 as first_day,
        {{ utc_date('max(moment)') }} + 1 as last_day
    from moments

),

days as (

    select days.day::date as date
    from range
    cross join lateral generate_series(range.first_day::timestamp, range.last_day::timestamp, interval '1 day')
        as days (day)

)

select
    date,
    extract(year from date)::integer as year,
    extract(quarter from date)::integer as quarter,
    extract(month from date)::integer as month,
    extract(day from date)::integer as day_of_month,
    extract(isodow from date)::integer as day_of_week,
    to_char(date, 'FMMonth') as month_name,
    to_char(date, 'FMDay') as day_name,
    extract(isodow from date) >= 6 as is_weekend,
    date_trunc('month', date)::date as month_starts_on,
    date_trunc('week', date)::date as week_starts_on,
    extract(isoyear from date)::integer as iso_year,
    extract(week from date)::integer as iso_week,
    date <= {{ utc_date(as_of()) }} as is_past
from days
