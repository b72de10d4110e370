{{ config(post_hook='analyze {{ this }}') }}

with

entries as (

    select * from {{ ref('int_entries__current') }}

),

entered as (

    select * from {{ ref('int_stories__entered') }}

)

select
    entered.story_id,
    entries.account_id,
    entries.posted_at,
    entries.posted_at + {{ story_life() }} as expires_at,
    entries.first_entered_at as first_seen_at,
    entered.media_type,
    entered.permalink,
    entered.caption,
    entered.link,
    entries.evidence_path,
    case entries.kind
        {% for kind, provenance in capture_kinds().items() %}
            when '{{ kind }}' then '{{ provenance }}'
        {% endfor %}
    end as provenance
from entered
inner join entries on entered.story_id = {{ manual_story_id('entries.entry_id') }}
