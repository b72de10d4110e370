{{ config(post_hook='analyze {{ this }}') }}

-- What retention kept are rows of story_insights all the same.
{% set sources = {"story_insights_kept": "story_insights"} %}
{% for table in followed_tables() %} {% do sources.update({table: table}) %} {% endfor %}
{% set of_stories = ["stories", "story_insights", "media_files"] %}

-- From the sources, and not from staging, which hides what was captured after the moment of the build.
{% for source_name, table in sources.items() %}
    {% set let_in = released(table) %}
    select
        '{{ table }}' as table_name,
        landing_id,
        account_id,
        {{ 'story_id' if table in of_stories else 'null' }} as story_id,
        captured_at,
        landing_id > {{ last_build(table, 0) }}::bigint as is_new
    from {{ source('instagram', source_name) }}
    where
        landing_id > {{ last_build(table, 0) }}::bigint and {{ has_landed(table) }}
        {{ "or landing_id in (" ~ let_in | join(", ") ~ ")" if let_in }}
    {{ "union all" if not loop.last }}
{% endfor %}
