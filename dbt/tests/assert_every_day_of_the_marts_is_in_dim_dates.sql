with

told as (

    select date from {{ ref('fct_capture_coverage') }}
    union distinct
    select date from {{ ref('fct_connection_health') }}
    union distinct
    select date from {{ ref('fct_account_insights') }}
    union distinct
    select date from {{ ref('fct_audience') }}
    union distinct
    select {{ utc_date('posted_at') }} as date from {{ ref('fct_posts') }}

)

select told.date
from told
left join {{ ref('dim_dates') }} as dates on told.date = dates.date
where dates.date is null
