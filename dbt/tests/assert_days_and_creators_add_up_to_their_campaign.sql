-- Of every measure that is additive over both.
{% set additive = [
    "stories", "posts", "stories_imported", "stories_manual", "stories_live", "stories_final", "stories_missing",
    "stories_withheld", "stories_unknown", "views", "views_upper", "reach_upper", "total_interactions",
    "total_interactions_upper", "replies", "replies_upper", "link_clicks", "link_clicks_upper", "posts_views",
    "posts_views_upper", "posts_interactions", "posts_reach_upper",
] %}

with

performance as (

    select * from {{ ref('fct_campaign_performance') }}

),

{% for part in ["daily", "creators"] %}
    by_{{ part }} as (

        select
            {% for measure in additive %}
                sum({{ measure }}) as {{ measure }},
            {% endfor %}
            campaign_id
        from {{ ref("fct_campaign_" ~ part) }}
        group by campaign_id

    ){{ "," if not loop.last }}
{% endfor %}

select performance.campaign_id
from performance
left join by_daily on performance.campaign_id = by_daily.campaign_id
left join by_creators on performance.campaign_id = by_creators.campaign_id
where
    false
    {% for measure in additive %}
        -- A campaign that has not begun has no day.
        or coalesce(performance.{{ measure }}, 0) <> coalesce(by_daily.{{ measure }}, 0)
        or coalesce(performance.{{ measure }}, 0) <> coalesce(by_creators.{{ measure }}, 0)
    {% endfor %}
