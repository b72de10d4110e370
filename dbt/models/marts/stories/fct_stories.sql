{{ config(
    materialized='incremental',
    unique_key='story_id',
    on_schema_change='fail',
    post_hook='{{ delete_not_kept() }}'
) }}

{% set any_withheld %}
    (stories.is_withheld {% for metric in metrics_asked_alone() %} or stories.{{ metric }}_withheld {% endfor %})
{% endset %}

with

stories as (

    select * from {{ ref('int_stories__finalised') }}

),

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

connections as (

    select * from {{ ref('stg_app__connections') }}

),

media as (

    select * from {{ ref('int_stories__media_latest') }}

),

touched as (

    select story_id from {{ ref('int_stories__touched') }}

),

kept as (

    select * from {{ ref('int_stories__kept') }}

)

select
    stories.story_id,
    stories.account_id,
    accounts.ig_user_id,
    accounts.username,
    stories.posted_at,
    stories.expires_at,
    stories.first_seen_at,
    stories.last_reading_at,
    stories.last_reading_age_minutes,
    'api' as provenance,
    case when connections.account_id is not null then 'creator_authorisation' end as consent_basis,
    stories.finality,
    stories.is_final,
    stories.media_type,
    stories.permalink,
    stories.caption,
    media.media_status,
    media.media_cause,
    media.media_path,
    {% for metric in story_metrics() %}
        stories.{{ metric }},
    {% endfor %}
    {% for metric in story_metrics() %}
        stories.{{ metric }}_withheld,
    {% endfor %}
    case when {{ any_withheld }} then 0 end as withheld_lower_bound,
    case when {{ any_withheld }} then {{ withheld_upper() }} end as withheld_upper_bound,
    stories.estimated_undercount
from stories
inner join kept on stories.story_id = kept.story_id
inner join accounts on stories.account_id = accounts.account_id
left join connections on stories.account_id = connections.account_id
left join media on stories.story_id = media.story_id
{% if is_incremental() %}
    left join touched on stories.story_id = touched.story_id
    left join {{ this }} as standing on stories.story_id = standing.story_id
    where
        touched.story_id is not null
        -- Without anything landing, a campaign makes it one to be kept,
        or standing.story_id is null
        -- and what the account says of the story changes.
        or standing.ig_user_id is distinct from accounts.ig_user_id
        or standing.username is distinct from accounts.username
        or (standing.consent_basis is not null) <> (connections.account_id is not null)
{% endif %}
