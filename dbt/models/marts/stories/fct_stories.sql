{{ config(
    materialized='incremental',
    unique_key='story_id',
    on_schema_change='fail',
    post_hook='{{ delete_stories_gone() }}'
) }}

{% set any_withheld %}
    ({% for metric in story_metrics() %}{{ " or " if not loop.first }}stories.{{ metric }}_withheld{% endfor %})
{% endset %}
{% set navigation = "stories.taps_forward + stories.taps_back + stories.exits + stories.swipes_forward" %}

with

stories as (

    select * from {{ ref('int_stories__counted') }}

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

frames as (

    select * from {{ ref('int_stories__frames') }}

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
            when periods.account_id is not null and stories.provenance = 'api'
                then greatest({{ minutes_between('stories.posted_at', 'stories.first_seen_at') }}, 0)
        end::numeric(12, 2) as detection_minutes,
        frames.sequence_id,
        frames.frame_position,
        stories.last_reading_at,
        stories.last_reading_age_minutes,
        stories.provenance,
        case
            when connections.account_id is not null then 'creator_authorisation'
            when stories.provenance = 'creator_upload' then 'creator_upload'
        end as consent_basis,
        consents.consent_id,
        stories.finality,
        -- All that can be known of the final number is known.
        stories.finality in ('webhook', 'sweep', 'masked', 'manual') as is_final,
        -- Of a story that the API never showed no reading was lost.
        case when stories.finality in ('late', 'missing') and stories.provenance = 'api' then losses.cause end
            as loss_cause,
        stories.media_type,
        stories.permalink,
        stories.caption,
        stories.link,
        coalesce(media.media_status, case when stories.evidence_path is not null then 'archived' end) as media_status,
        media.media_cause,
        coalesce(media.media_path, stories.evidence_path) as media_path,
        {% for metric in story_metrics() %}
            stories.{{ metric }},
        {% endfor %}
        {% for metric in story_metrics() %}
            stories.{{ metric }}_withheld,
        {% endfor %}
        {% for metric in story_metrics() %}
            stories.{{ metric }}_source,
        {% endfor %}
        {{ share('stories.views - (' ~ navigation ~ ')', 'stories.views') }} as completion_rate,
        {{ share('stories.exits', 'stories.views') }} as exit_rate,
        {% for column in undercount_columns() %}
            case
                when stories.finality in ('sweep', 'late') then coalesce(undercounts.{{ column }}, stories.{{ column }})
            end::numeric(30, 2) as {{ column }},
        {% endfor %}
        case when {{ any_withheld }} then 0 end as withheld_lower_bound,
        case when {{ any_withheld }} then {{ withheld_upper() }} end as withheld_upper_bound
    from stories
    inner join frames on stories.story_id = frames.story_id
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
    -- Nothing has to land for a row to change: the account, its connection, entries, campaigns and other stories do it.
    left join {{ this }} as standing on told.story_id = standing.story_id
    where
        standing.story_id is null
        or row({{ qualified('told') }}) is distinct from row({{ qualified('standing') }})
{% endif %}
