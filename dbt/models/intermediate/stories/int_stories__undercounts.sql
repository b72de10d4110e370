with

earlier as (

    select * from {{ ref('int_stories__learned_from') }}

),

readings as not materialized (

    select * from {{ ref('int_stories__readings_pivoted') }}
    where views is not null

),

-- The readings of the earlier story before and after the age of this one's last reading. When it was posted, it had no
-- views.
around as (

    select
        earlier.story_id,
        earlier.views,
        earlier.same_age_at,
        earlier.views_at_end,
        coalesce(sooner.captured_at, earlier.posted_at) as sooner_at,
        coalesce(sooner.views, 0) as sooner_views,
        coalesce(later.captured_at, earlier.expires_at) as later_at,
        coalesce(later.views, earlier.views_at_end) as later_views
    from earlier
    left join lateral (
        select
            readings.views,
            readings.captured_at
        from readings
        where readings.story_id = earlier.earlier_id and readings.captured_at <= earlier.same_age_at
        order by readings.captured_at desc
        limit 1
    ) as sooner on true
    left join lateral (
        select
            readings.views,
            readings.captured_at
        from readings
        where readings.story_id = earlier.earlier_id and readings.captured_at > earlier.same_age_at
        order by readings.captured_at asc
        limit 1
    ) as later on true

),

same_age as (

    select
        story_id,
        views,
        views_at_end,
        -- On the line between the two.
        sooner_views
        + (later_views - sooner_views)
        * {{ minutes_between('sooner_at', 'same_age_at') }}
        / nullif({{ minutes_between('sooner_at', 'later_at') }}, 0) as views_then
    from around

),

-- What came after that age, in times of what was there.
remaining as (

    select
        story_id,
        views,
        greatest(views_at_end / views_then - 1, 0) as share
    from same_age
    where views_then > 0

),

curves as (

    select
        story_id,
        views,
        {{ widening('count(*)') }} as widening,
        percentile_cont(0.025) within group (order by share)::numeric as low,
        percentile_cont(0.5) within group (order by share)::numeric as middle,
        percentile_cont(0.975) within group (order by share)::numeric as high
    from remaining
    group by story_id, views
    having count(*) >= {{ fewest_stories_of_a_curve() }}

),

bounds as (

    select
        story_id,
        views * middle as middle,
        views * greatest(middle - widening * (middle - low), 0) as low,
        -- A count is what was full by then: the next view may have been about to come.
        (views + 1) * (middle + widening * (high - middle)) as high
    from curves

)

select
    story_id,
    middle::numeric(30, 2) as estimated_undercount,
    floor(greatest(low - {{ chance('low') }}, 0))::numeric(30, 2) as estimated_undercount_low,
    ceil(high + {{ chance('high') }})::numeric(30, 2) as estimated_undercount_high
from bounds
