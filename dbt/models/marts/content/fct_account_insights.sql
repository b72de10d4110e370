{% set by_follow_type = "'views:follower', 'views:non_follower', 'views:unknown'" %}

with

numbers as (

    select * from {{ ref('int_accounts__insights_latest') }}

),

-- The API leaves out the parts of a breakdown that are 0: they are 0 when the others make up the total.
days as (

    select
        account_id,
        date,
        max(captured_at) as read_at,
        {% for column, metric in account_metrics().items() %}
            {{ whole("max(value) filter (where metric = '" ~ metric ~ "')") }} as {{ column }},
        {% endfor %}
        {{ whole("max(value) filter (where metric = 'views:carousel_container')") }} as views_of_carousels,
        max(value) filter (where metric = 'views')
        = sum(value) filter (where metric like 'views:%' and metric not in ({{ by_follow_type }}))
            as has_whole_products,
        max(value) filter (where metric = 'views')
        = sum(value) filter (where metric in ({{ by_follow_type }})) as has_whole_follows
    from numbers
    group by account_id, date

)

select
    account_id,
    date,
    {{ pacific_midnight('date') }} as starts_at,
    {{ pacific_midnight('date + 1') }} as ends_at,
    read_at,
    read_at >= {{ pacific_midnight('date + 1') }} + {{ insights_lag() }} as is_settled,
    reach,
    views,
    {% for column in ["views_by_followers", "views_by_others"] %}
        case when has_whole_follows then coalesce({{ column }}, 0) else {{ column }} end as {{ column }},
    {% endfor %}
    {% for column in ["views_of_stories", "views_of_reels", "views_of_ads"] %}
        case when has_whole_products then coalesce({{ column }}, 0) else {{ column }} end as {{ column }},
    {% endfor %}
    case
        when has_whole_products then coalesce(views_of_posts, 0) + coalesce(views_of_carousels, 0)
        -- A part that is not told is unknown.
        else views_of_posts + views_of_carousels
    end as views_of_posts,
    accounts_engaged,
    total_interactions,
    likes,
    comments,
    saves,
    shares,
    replies,
    reposts,
    profile_links_taps,
    follows,
    unfollows,
    new_followers
from days
