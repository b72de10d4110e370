{{ config(post_hook='analyze {{ this }}') }}

{% set of_stories = ["stories", "story_insights", "media_files"] %}

-- From the sources, and not from staging, which hides what was captured after the moment of the build.
{% for table in followed_tables() %}
    {% set let_in = released(table) | join(", ") %}
    {% set or_let_in = "or landing_id in (" ~ let_in ~ ")" if let_in else "" %}
    -- What retention kept are rows of story_insights all the same.
    {% for source_name in [table, "story_insights_kept"] if source_name == table or table == "story_insights" %}
        {{ "union all" if not loop.first }}
        select
            '{{ table }}' as table_name,
            landing_id,
            account_id,
            {{ 'story_id' if table in of_stories else 'null' }} as story_id,
            captured_at,
            landing_id > {{ last_build(table, 0) }}::bigint as is_new
        from {{ source('instagram', source_name) }}
        where landing_id > {{ last_build(table, 0) }}::bigint and {{ has_landed(table) }} {{ or_let_in }}
    {% endfor %}
    {{ "union all" if not loop.last }}
{% endfor %}
