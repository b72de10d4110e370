with

campaigns as (

    select * from {{ ref('stg_app__campaigns') }}

),

participants as (

    select * from {{ ref('stg_app__campaign_participants') }}

),

rules as (

    select
        campaign_id,
        kind,
        case kind when 'hashtag' then '#' else '@' end || value as evidence,
        {{ word_pattern('kind', 'value') }} as pattern
    from {{ ref('stg_app__match_rules') }}

),

stories as (

    select
        story_id,
        account_id,
        posted_at,
        -- Captions are in every language: the patterns need Unicode's letters and cases, not the server's locale.
        caption collate pg_c_utf8 as caption
    from {{ ref('int_stories__known') }}

),

-- Every story that a participant posted while both the participation and the campaign ran.
candidates as (

    select distinct
        campaigns.campaign_id,
        stories.story_id,
        stories.caption
    from campaigns
    inner join participants on campaigns.campaign_id = participants.campaign_id
    inner join stories
        on
            participants.account_id = stories.account_id
            and stories.posted_at >= greatest(campaigns.starts_at, participants.valid_from)
            and stories.posted_at < least(campaigns.ends_at, participants.valid_to)

),

by_rule as (

    select
        candidates.campaign_id,
        candidates.story_id,
        min(rules.kind) as matched_by,
        string_agg(rules.evidence, ' ' order by rules.kind, rules.evidence) as evidence,
        'high' as confidence
    from candidates
    inner join rules
        on
            candidates.campaign_id = rules.campaign_id
            and candidates.caption ~* rules.pattern
    group by candidates.campaign_id, candidates.story_id

),

by_participation as (

    select
        campaign_id,
        story_id,
        'participant' as matched_by,
        'posted while taking part' as evidence,
        'medium' as confidence
    from candidates
    where campaign_id not in (select rules.campaign_id from rules)

)

select * from by_rule
union all
select * from by_participation
