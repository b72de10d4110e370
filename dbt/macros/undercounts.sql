{# The half-width of a 95 % interval of a normal distribution, in standard deviations. #}
{% macro deviations() -%} 1.96 {%- endmacro %}


{# From fewer ended stories than this no curve is learned: even the widest span of seven holds but three in four of the
   next ones. #}
{% macro fewest_stories_of_a_curve() -%} 8 {%- endmacro %}


{# The newest stories that a curve is learned from: an account's own, and those of all accounts. #}
{% macro own_stories_of_a_curve() -%} 30 {%- endmacro %}
{% macro other_stories_of_a_curve() -%} 100 {%- endmacro %}


{# A story that nobody read for longer is no curve: the ladder's widest rung, and a half. Retention makes such ones. #}
{% macro longest_unread_minutes_of_a_curve() -%} 360 {%- endmacro %}


{# The newest stories that had ended when a story did, with a reading in their last minutes: the same ones whatever
   comes later. `same_age_at` is when one was as old as the story was at its last reading. #}
{% macro earlier_stories(of, most, own_only) -%}
    select
        {{ of }}.story_id,
        {{ of }}.views,
        earlier.story_id as earlier_id,
        earlier.posted_at,
        earlier.expires_at,
        earlier.views + earlier.estimated_undercount as views_at_end,
        earlier.expires_at - {{ of }}.last_reading_age_minutes * interval '1 minute' as same_age_at
    from {{ of }}
    cross join lateral (
        select earlier.*
        from stories as earlier
        where
            earlier.expires_at <= {{ of }}.expires_at
            and earlier.finality = 'sweep'
            and earlier.longest_unread_minutes <= {{ longest_unread_minutes_of_a_curve() }}
            and earlier.estimated_undercount is not null
            {% if own_only %} and earlier.account_id = {{ of }}.account_id {% endif %}
        order by earlier.expires_at desc, earlier.story_id desc
        limit {{ most }}
    ) as earlier
{%- endmacro %}


{# How much wider than the sample's an interval is made for a sample of this size: twice at 8, hardly at 100. Of normal
   samples it then holds what Student's distribution would. #}
{% macro widening(stories) -%}
    (1 + 8.0 / {{ stories }})
{%- endmacro %}


{# What chance alone adds to or takes from this mean number of views, at 95 %. #}
{% macro chance(views) -%}
    {{ deviations() }} * sqrt({{ views }})
{%- endmacro %}


{# The estimate of the views that came after the last reading, and the bounds of its 95 % interval. #}
{% macro undercount_columns() -%}
    {{ return(["estimated_undercount", "estimated_undercount_low", "estimated_undercount_high"]) }}
{%- endmacro %}
