{# The counts of a feed post or reel, in the order of the marts, with their names in the API's replies. #}
{% macro post_metrics() -%}
    {{ return({
        "views": "views",
        "impressions": "impressions",
        "reach": "reach",
        "likes": "likes",
        "comments": "comments",
        "saves": "saved",
        "shares": "shares",
        "reposts": "reposts",
        "follows": "follows",
        "profile_visits": "profile_visits",
        "profile_activity": "profile_activity",
        "bio_link_clicks": "profile_activity:bio_link_clicked",
        "total_interactions": "total_interactions",
        "average_watch_ms": "ig_reels_avg_watch_time",
        "watch_ms": "ig_reels_video_view_total_time",
        "total_views": "total_views",
        "total_likes": "total_likes",
        "total_comments": "total_comments",
        "facebook_views": "facebook_views",
        "crossposted_views": "crossposted_views",
    }) }}
{%- endmacro %}


{# Whether such a post has the metric at all: what it does not have cannot be withheld. #}
{% macro post_has(column) -%}
    {%- if column in ["follows", "profile_visits", "profile_activity", "bio_link_clicks"] -%}
        content_type = 'post'
    {%- elif column in ["average_watch_ms", "watch_ms", "crossposted_views"] -%}
        content_type = 'reel'
    {%- elif column == "impressions" -%}
        posted_at < {{ impressions_until() }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}


{# Of these, the ones with a call of their own, which is their group's name too. #}
{% macro post_metrics_asked_alone() -%}
    {{ return(["total_views", "total_likes", "total_comments", "facebook_views", "crossposted_views"]) }}
{%- endmacro %}


{# What says that the last reply to the call of a metric withheld it. #}
{% macro withheld_by(column) -%}
    replies.{{ column if column in post_metrics_asked_alone() else "is" }}_withheld
{%- endmacro %}


{# Media that was made from this moment on never had impressions. #}
{% macro impressions_until() -%} '2024-07-02T00:00:00+00:00'::timestamptz {%- endmacro %}
