{# The metrics of a story, in the order of the marts. The value names the metric in the API's replies; a part of a
   breakdown is named `metric:dimension value`. #}
{% macro story_metrics() -%}
    {{ return({
        "views": "views",
        "reach": "reach",
        "replies": "replies",
        "shares": "shares",
        "follows": "follows",
        "profile_visits": "profile_visits",
        "total_interactions": "total_interactions",
        "reposts": "reposts",
        "link_clicks": "link_clicks",
        "taps_forward": "navigation:tap_forward",
        "taps_back": "navigation:tap_back",
        "exits": "navigation:tap_exit",
        "swipes_forward": "navigation:swipe_forward",
    }) }}
{%- endmacro %}


{# Metrics with a call of their own, which is their group's name too, and which is not made for every story. So each of
   them is withheld by itself; where no such call was answered, the count is unknown. #}
{% macro metrics_asked_alone() -%}
    {{ return(["link_clicks"]) }}
{%- endmacro %}


{# The groups whose replies say nothing of a story's other counts. #}
{% macro optional_groups() -%}
    'link_clicks', 'total_views', 'facebook_views'
{%- endmacro %}


{# A count out of a reply: null unless it is a whole JSON number, not negative, of at most 15 digits. More is no count,
   and a sum of thousands of such still fits into a bigint. #}
{% macro json_count(value) -%}
    case when jsonb_typeof({{ value }}) = 'number' and ({{ value }})::text ~ '^[0-9]{1,15}$' then ({{ value }})::text::bigint end
{%- endmacro %}


{# The UTC day of a moment. #}
{% macro utc_date(moment) -%}
    ({{ moment }} at time zone 'UTC')::date
{%- endmacro %}


{# The UTC days, as midnights without a zone, that the time from one moment up to another touches. #}
{% macro utc_days(first, last) -%}
    generate_series(
        {{ utc_date(first) }}::timestamp,
        ({{ last }} - interval '1 microsecond') at time zone 'UTC',
        interval '1 day'
    )
{%- endmacro %}


{# Minutes from one moment to a later one. #}
{% macro minutes_between(earlier, later) -%}
    extract(epoch from {{ later }} - {{ earlier }}) / 60
{%- endmacro %}


{# A value of a reply as an array: empty when it is none. #}
{% macro json_array(value) -%}
    case when jsonb_typeof({{ value }}) = 'array' then {{ value }} else '[]' end
{%- endmacro %}


{# A value of a reply as an object: empty when it is none. #}
{% macro json_object(value) -%}
    case when jsonb_typeof({{ value }}) = 'object' then {{ value }} else '{}' end
{%- endmacro %}


{# The API withholds the counts of a story with fewer than five viewers: a withheld count is 0 to this. #}
{% macro withheld_upper() -%} 4 {%- endmacro %}


{# Of the readings of a group, the last one's count that is known. #}
{% macro last_known(metric) -%}
    (array_agg({{ metric }} order by captured_at desc) filter (where {{ metric }} is not null))[1]
{%- endmacro %}
