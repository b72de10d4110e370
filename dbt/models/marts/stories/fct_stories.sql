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

periods as (

    select * from {{ ref('int_accounts__periods') }}
    where cause is null

),

consents as (

    select * from {{ ref('fct_consents') }}

),

undercounts as (

    select * from {{ ref('int_stories__undercounts') }}

),

losses as (

    select * from {{ ref('int_stories__losses') }}

),

media as (

    select * from {{ ref('int_stories__media_latest') }}

),

touched as (

    select story_id from {{ ref('int_stories__touched') }}

),

kept as (

    select * from {{ ref('int_stories__kept') }}

),

told as (

    select
        stories.story_id,
        stories.account_id,
        accounts.ig_user_id,
        accounts.username,
        stories.posted_at,
        stories.expires_at,
        stories.first_seen_at,
        -- A story that was posted while nobody might look could not have been seen sooner.
        case
            when periods.account_id is not null
                then greatest({{ minutes_between('stories.posted_at', 'stories.first_seen_at') }}, 0)
        end::numeric(12, 2) as detection_minutes,
        stories.last_reading_at,
        stories.last_reading_age_minutes,
        'api' as provenance,
        case when connections.account_id is not null then 'creator_authorisation' end as consent_basis,
        consents.consent_id,
        stories.finality,
        stories.is_final,
        losses.cause as loss_cause,
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
        {% for column in undercount_columns() %}
            coalesce(undercounts.{{ column }}, stories.{{ column }}) as {{ column }},
        {% endfor %}
        case when {{ any_withheld }} then 0 end as withheld_lower_bound,
        case when {{ any_withheld }} then {{ withheld_upper() }} end as withheld_upper_bound
    from stories
    inner join kept on stories.story_id = kept.story_id
    inner join accounts on stories.account_id = accounts.account_id
    left join connections on stories.account_id = connections.account_id
    left join periods
        on
            stories.account_id = periods.account_id
            and stories.posted_at >= periods.starts_at
            and stories.posted_at < periods.ends_at
    left join consents
        on
            stories.account_id = consents.account_id
            and stories.first_seen_at >= consents.given_at
            and stories.first_seen_at < coalesce(consents.ended_at, 'infinity')
    left join undercounts on stories.story_id = undercounts.story_id
    left join losses on stories.story_id = losses.story_id
    left join media on stories.story_id = media.story_id

)

select told.*
from told
{% if is_incremental() %}
    left join touched on told.story_id = touched.story_id
    left join {{ this }} as standing on told.story_id = standing.story_id
    where
        touched.story_id is not null
        -- Without anything landing, a campaign makes it one to be kept,
        or standing.story_id is null
        -- and what the account, its connection and other stories say of the story changes.
        or standing.ig_user_id is distinct from told.ig_user_id
        or standing.username is distinct from told.username
        or standing.consent_basis is distinct from told.consent_basis
        or standing.consent_id is distinct from told.consent_id
        or standing.detection_minutes is distinct from told.detection_minutes
        or standing.loss_cause is distinct from told.loss_cause
        {% for column in undercount_columns() %}
            or standing.{{ column }} is distinct from told.{{ column }}
        {% endfor %}
{% endif %}
