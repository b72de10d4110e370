with

campaigns as (

    select
        campaigns.campaign_id,
        campaigns.starts_at,
        campaigns.ends_at,
        brands.time_zone
    from {{ ref('dim_campaigns') }} as campaigns
    inner join {{ ref('dim_brands') }} as brands on campaigns.brand_id = brands.brand_id

),

measured as (

    select * from {{ ref('int_campaigns__measured') }}

),

-- Every day of the brand's that the campaign has touched so far.
calendar as (

    select
        campaigns.campaign_id,
        days.day::date as date
    from campaigns
    cross join
        lateral generate_series(
            (campaigns.starts_at at time zone campaigns.time_zone)::date::timestamp,
            (least(campaigns.ends_at, {{ as_of() }}) - interval '1 microsecond') at time zone campaigns.time_zone,
            interval '1 day'
        ) as days (day)
    where campaigns.starts_at < {{ as_of() }}
    -- By its own clock, the API may be a moment ahead of the build.
    union distinct
    select
        campaign_id,
        date
    from measured

),

totals as (

    select
        campaign_id,
        date,
        {{ campaign_counts() }}
    from measured
    group by campaign_id, date

),

bounded as (

    select
        calendar.campaign_id,
        calendar.date,
        calendar.date::timestamp at time zone campaigns.time_zone as starts_at,
        (calendar.date + 1)::timestamp at time zone campaigns.time_zone as ends_at
    from calendar
    inner join campaigns on calendar.campaign_id = campaigns.campaign_id

)

select
    bounded.campaign_id,
    bounded.date,
    bounded.starts_at,
    bounded.ends_at,
    (extract(epoch from bounded.ends_at - bounded.starts_at) / 3600)::numeric(4, 2) as hours,
    {% for column in content_counts() %}
        coalesce(totals.{{ column }}, 0) as {{ column }},
    {% endfor %}
    {% for column in content_sums() %}
        totals.{{ column }},
    {% endfor %}
    (totals.stories_final::numeric / nullif(totals.stories - totals.stories_live, 0))::numeric(7, 6) as share_final
from bounded
left join totals
    on
        bounded.campaign_id = totals.campaign_id
        and bounded.date = totals.date
