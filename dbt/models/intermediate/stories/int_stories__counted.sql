{{ config(materialized='view') }}

with

edits as (

    select * from {{ ref('int_stories__edited') }}

),

entered as (

    select * from {{ ref('int_stories__entered') }}

),

stories as (

    select
        story_id,
        account_id,
        posted_at,
        expires_at,
        first_seen_at,
        media_type,
        permalink,
        caption,
        'api' as provenance,
        null as evidence_path,
        last_reading_at,
        last_reading_age_minutes,
        {% for metric in story_metrics() %}
            {{ metric }},
            {{ metric }}_withheld,
        {% endfor %}
        {% for column in undercount_columns() %}
            {{ column }},
        {% endfor %}
        finality
    from {{ ref('int_stories__finalised') }}
    union all
    select
        story_id,
        account_id,
        posted_at,
        expires_at,
        first_seen_at,
        media_type,
        permalink,
        caption,
        provenance,
        evidence_path,
        null as last_reading_at,
        null as last_reading_age_minutes,
        {% for metric in story_metrics() %}
            null as {{ metric }},
            false as {{ metric }}_withheld,
        {% endfor %}
        {% for column in undercount_columns() %}
            null as {{ column }},
        {% endfor %}
        case when expires_at > {{ as_of() }} then 'live' else 'missing' end as finality
    from {{ ref('int_stories__by_hand') }}

),

edited as (

    select
        stories.*,
        {% for metric in story_metrics() %}
            edits.{{ metric }} as edited_{{ metric }},
        {% endfor %}
        edits.views is not null as has_edited_views,
        edits.views_observed_at,
        least(stories.expires_at, {{ as_of() }}) as last_moment
    from stories
    left join edits on stories.story_id = edits.story_id

)

select
    edited.story_id,
    edited.account_id,
    edited.posted_at,
    edited.expires_at,
    edited.first_seen_at,
    coalesce(edited.media_type, entered.media_type) as media_type,
    coalesce(edited.permalink, entered.permalink) as permalink,
    coalesce(edited.caption, entered.caption) as caption,
    entered.link,
    edited.provenance,
    edited.evidence_path,
    -- What a person says of a metric, and another approves, counts more than what the API does.
    {% for metric in story_metrics() %}
        coalesce(edited.edited_{{ metric }}, edited.{{ metric }}) as {{ metric }},
        edited.{{ metric }}_withheld and edited.edited_{{ metric }} is null as {{ metric }}_withheld,
        case
            when edited.edited_{{ metric }} is not null then 'manual'
            when edited.{{ metric }} is not null or edited.{{ metric }}_withheld then 'poll'
        end as {{ metric }}_source,
    {% endfor %}
    case when edited.has_edited_views then edited.views_observed_at else edited.last_reading_at end as last_reading_at,
    case
        when not edited.has_edited_views then edited.last_reading_age_minutes
        -- greatest() skips nulls, and an unknown age is not none.
        when edited.views_observed_at is not null
            then greatest({{ minutes_between('edited.views_observed_at', 'edited.last_moment') }}, 0)
    end::numeric(12, 2) as last_reading_age_minutes,
    {% for column in undercount_columns() %}
        edited.{{ column }},
    {% endfor %}
    -- A story's finality is that of its views.
    case when edited.has_edited_views and edited.finality <> 'live' then 'manual' else edited.finality end as finality
from edited
left join entered on edited.story_id = entered.story_id
