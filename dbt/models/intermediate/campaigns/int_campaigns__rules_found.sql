with

considered as (

    select * from {{ ref('int_campaigns__considered') }}

),

content as (

    select * from {{ ref('int_campaigns__content_folded') }}

),

-- Made once for each rule, and not again for each caption.
rules as materialized (

    select
        *,
        {{ rule_pattern('kind', 'value') }} as pattern
    from {{ ref('int_campaigns__rules') }}

)

select
    considered.campaign_id,
    considered.content_id,
    (array_agg(rules.kind order by rules.kind = 'hashtag' desc, rules.kind = 'mention' desc))[1] as matched_by,
    string_agg(rules.rule, ' ' order by rules.kind, rules.rule) as evidence
from considered
inner join content on considered.content_id = content.content_id
inner join rules
    on
        considered.campaign_id = rules.campaign_id
        -- A pattern is dear: it is tried where its rule is written at all.
        and (
            (strpos(content.caption, rules.rule) > 0 and content.caption ~ rules.pattern)
            or (rules.kind = 'link' and strpos(content.link, rules.rule) > 0 and content.link ~ rules.pattern)
        )
group by considered.campaign_id, considered.content_id
