with

considered as (

    select * from {{ ref('int_campaigns__considered') }}

),

rules as (

    select distinct campaign_id from {{ ref('int_campaigns__rules') }}

),

found as (

    select * from {{ ref('int_campaigns__rules_found') }}

),

decisions as (

    select * from {{ ref('int_campaigns__decisions') }}

),

weighed as (

    select
        considered.campaign_id,
        considered.content_id,
        considered.content_type,
        considered.account_id,
        considered.posted_at,
        considered.provenance,
        considered.is_on_roster,
        considered.is_taking_part,
        considered.untimely,
        rules.campaign_id is not null as has_rules,
        found.matched_by as rule_kind,
        found.evidence as rules_found,
        decisions.story_id is not null as is_decided,
        decisions.assigned,
        decisions.assigned_by,
        decisions.assigned_at,
        decisions.confirmed,
        decisions.confirmed_by,
        decisions.confirmed_at,
        case
            when considered.untimely is not null then considered.untimely
            when decisions.assigned = 'no' then 'declined'
            when found.evidence is not null then null
            when 'yes' in (decisions.assigned, decisions.confirmed) then null
            when decisions.confirmed = 'no' then 'declined'
            when rules.campaign_id is not null then 'no_rule_matched'
        end as exclusion
    from considered
    left join rules on considered.campaign_id = rules.campaign_id
    left join found
        on
            considered.campaign_id = found.campaign_id
            and considered.content_id = found.content_id
    left join decisions
        on
            considered.campaign_id = decisions.campaign_id
            and considered.content_id = decisions.story_id

)

select
    *,
    case
        when exclusion is not null then null
        when rules_found is not null then rule_kind
        when 'yes' in (assigned, confirmed) then 'manual'
        else 'participant'
    end as matched_by,
    case
        when exclusion is not null then null
        when rules_found is not null then rules_found
        when assigned = 'yes' then {{ told_by('assigned', 'assigned_by', 'assigned_at') }}
        when confirmed = 'yes' then {{ told_by('confirmed', 'confirmed_by', 'confirmed_at') }}
        else 'posted while taking part'
    end as evidence,
    case
        when exclusion is not null then null
        when 'yes' in (assigned, confirmed) then 'high'
        -- Anybody can write a hashtag.
        when rules_found is not null and is_taking_part then 'high'
        else 'medium'
    end as confidence
from weighed
-- What others posted is of interest where it counts or somebody has said so, and nobody's business otherwise.
where is_on_roster or is_decided or exclusion is null
