{# What is counted of the content of a campaign, of a day of it or of a creator in it: columns of a query that groups
   int_campaigns__measured. A sum is null while no count in it is known: unknown is never 0. Posts are counted apart,
   since they live on and their views are others than those of a story. #}
{% macro campaign_counts() -%}
    count(*) filter (where {{ of_stories() }})::integer as stories,
    count(*) filter (where {{ of_posts() }})::integer as posts,
    count(distinct creator_id)::integer as creators,
    count(*) filter (where provenance = 'api' and {{ of_stories() }})::integer as stories_imported,
    count(*) filter (where provenance <> 'api' and {{ of_stories() }})::integer as stories_manual,
    count(*) filter (where finality = 'live')::integer as stories_live,
    count(*) filter (where is_final)::integer as stories_final,
    count(*) filter (where finality = 'missing')::integer as stories_missing,
    count(*) filter (where views_withheld and {{ of_stories() }})::integer as stories_withheld,
    count(*) filter (where views is null and not views_withheld and {{ of_stories() }})::integer as stories_unknown,
    {{ known_sum("views", of_stories()) }} as views,
    {{ upper_sum("views", of_stories()) }} as views_upper,
    {{ known_sum("total_interactions", of_stories()) }} as total_interactions,
    {{ upper_sum("total_interactions", of_stories()) }} as total_interactions_upper,
    {{ known_sum("replies", of_stories()) }} as replies,
    {{ upper_sum("replies", of_stories()) }} as replies_upper,
    {{ known_sum("link_clicks", of_stories()) }} as link_clicks,
    {{ upper_sum("link_clicks", of_stories()) }} as link_clicks_upper,
    {{ widest("reach", of_stories()) }} as reach_lower,
    {{ upper_sum("reach", of_stories()) }} as reach_upper,
    {{ known_sum("views", of_posts()) }} as posts_views,
    {{ upper_sum("views", of_posts()) }} as posts_views_upper,
    {{ known_sum("total_interactions", of_posts()) }} as posts_interactions,
    {{ widest("reach", of_posts()) }} as posts_reach_lower,
    {{ upper_sum("reach", of_posts()) }} as posts_reach_upper,
    -- Of the stories of which both are known.
    (
        sum(total_interactions) filter (where views is not null and {{ of_stories() }})::numeric
        / nullif(sum(views) filter (where total_interactions is not null and {{ of_stories() }}), 0)
    )::numeric(24, 6) as engagement_rate,
    sum(emv)::numeric(24, 2) as emv
{%- endmacro %}


{% macro of_stories() -%} content_type = 'story' {%- endmacro %}


{% macro of_posts() -%} content_type <> 'story' {%- endmacro %}


{% macro known_sum(metric, condition) -%}
    sum({{ metric }}) filter (where {{ condition }})::bigint
{%- endmacro %}


{# The same with every withheld count at its upper bound. #}
{% macro upper_sum(metric, condition) -%}
    sum(case when {{ metric }}_withheld then {{ withheld_upper() }} else {{ metric }} end)
        filter (where {{ condition }})::bigint
{%- endmacro %}


{# The largest count, which all of them together have at least; 0 where the counts are withheld that could tell. #}
{% macro widest(metric, condition) -%}
    max(case when {{ metric }}_withheld then 0 else {{ metric }} end) filter (where {{ condition }})::bigint
{%- endmacro %}


{# The counts of campaign_counts() that are 0 where there is no content. #}
{% macro content_counts() -%}
    {{ return([
        "stories", "posts", "creators", "stories_imported", "stories_manual", "stories_live", "stories_final",
        "stories_missing", "stories_withheld", "stories_unknown",
    ]) }}
{%- endmacro %}


{# The others, which are unknown there. #}
{% macro content_sums() -%}
    {{ return([
        "views", "views_upper", "reach_lower", "reach_upper", "total_interactions", "total_interactions_upper",
        "replies", "replies_upper", "link_clicks", "link_clicks_upper", "posts_views", "posts_views_upper",
        "posts_interactions", "posts_reach_lower", "posts_reach_upper", "engagement_rate", "emv",
    ]) }}
{%- endmacro %}


{# An amount for every 1,000 known views, or for each known interaction, of stories and posts. #}
{% macro cost_per(amount, relation, stories, posts, times=1) -%}
    (
        {{ amount }} * {{ times }}
        / nullif(coalesce({{ relation }}.{{ stories }}, 0) + coalesce({{ relation }}.{{ posts }}, 0), 0)
    )::numeric(24, 4)
{%- endmacro %}


{# What came of what was promised, as columns of int_campaigns__deliveries. #}
{% macro delivery_counts() -%}
    {{ return(["deliverables_promised", "deliverables_delivered", "deliverables_late", "deliverables_overdue"]) }}
{%- endmacro %}
