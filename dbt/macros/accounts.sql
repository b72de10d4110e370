{# The counts of an account's day, in the order of the marts. A part of a breakdown is named `metric:value`. #}
{% macro account_metrics() -%}
    {{ return({
        "reach": "reach",
        "views": "views",
        "views_by_followers": "views:follower",
        "views_by_others": "views:non_follower",
        "views_of_stories": "views:story",
        "views_of_posts": "views:post",
        "views_of_reels": "views:reel",
        "views_of_ads": "views:ad",
        "accounts_engaged": "accounts_engaged",
        "total_interactions": "total_interactions",
        "likes": "likes",
        "comments": "comments",
        "saves": "saves",
        "shares": "shares",
        "replies": "replies",
        "reposts": "reposts",
        "profile_links_taps": "profile_links_taps",
        "follows": "follows_and_unfollows:follower",
        "unfollows": "follows_and_unfollows:non_follower",
        "new_followers": "follower_count",
    }) }}
{%- endmacro %}


{# Meta's day, which begins and ends at midnight in US Pacific time, that a moment lies in. #}
{% macro pacific_date(moment) -%}
    (({{ moment }}) at time zone 'America/Los_Angeles')::date
{%- endmacro %}


{% macro pacific_midnight(date) -%}
    ({{ date }})::timestamp at time zone 'America/Los_Angeles'
{%- endmacro %}


{# Metrics may lag behind by so much, as Meta says. #}
{% macro insights_lag() -%} interval '48 hours' {%- endmacro %}
