{# Why an account went unlisted for more than an hour, or a story without its last reading: the causes of
   storykeep.causes. #}
{% macro gap_causes() -%}
    {{ return([
        "not_connected",
        "token",
        "permission",
        "throttled",
        "api_unreachable",
        "platform_incident",
        "our_outage",
        "paused",
        "not_tracked",
        "manual_by_choice",
        "not_offered",
    ]) }}
{%- endmacro %}


{# An interval of this length or more between two good listings lets a story live and die unseen. #}
{% macro story_life() -%} interval '24 hours' {%- endmacro %}
