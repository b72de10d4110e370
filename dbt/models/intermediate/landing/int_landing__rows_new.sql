{{ config(post_hook='analyze {{ this }}') }}

-- What retention kept are rows of story_insights all the same.
{% set tables = {
    "story_listings": "story_listings",
    "stories": "stories",
    "story_insights": "story_insights",
    "story_insights_kept": "story_insights",
    "media_files": "media_files",
} %}

-- From the sources, and not from staging, which hides what was captured after the moment of the build.
{% for source_name, table in tables.items() %}
    {% set let_in = released(table) %}
    select
        '{{ table }}' as table_name,
        landing_id,
        account_id,
        {{ 'null' if table == 'story_listings' else 'story_id' }} as story_id,
        captured_at,
        landing_id > {{ last_build(table, 0) }}::bigint as is_new
    from {{ source('instagram', source_name) }}
    where
        landing_id > {{ last_build(table, 0) }}::bigint and {{ has_landed(table) }}
        {{ "or landing_id in (" ~ let_in | join(", ") ~ ")" if let_in }}
    {{ "union all" if not loop.last }}
{% endfor %}
