{{ config(post_hook='analyze {{ this }}') }}

{% set tables = ["stories", "story_insights", "media_files"] %}

-- From the sources, and not from staging, which hides what was captured after the moment of the build.
{% for table in tables %}
    select
        '{{ table }}' as table_name,
        landing_id,
        story_id,
        captured_at
    from {{ source('instagram', table) }}
    where landing_id > {{ last_build(table, 0) }}::bigint
    {{ "union all" if not loop.last }}
{% endfor %}
