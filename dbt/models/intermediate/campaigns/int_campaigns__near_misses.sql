with

-- What would count if its caption had what the rules ask for, and nobody has put into the campaign or out of it.
unmatched as (

    select
        judged.campaign_id,
        judged.content_id,
        content.caption
    from {{ ref('int_campaigns__judged') }} as judged
    inner join {{ ref('int_campaigns__content_folded') }} as content on judged.content_id = content.content_id
    where
        judged.content_type = 'story'
        and judged.untimely is null
        and judged.is_taking_part
        and judged.has_rules
        and judged.rules_found is null
        and judged.assigned is null

),

rules as (

    select * from {{ ref('int_campaigns__rules') }}
    where kind in ('hashtag', 'mention')

),

written as (

    select distinct
        unmatched.campaign_id,
        unmatched.content_id,
        words.word[1] as word
    from unmatched
    cross join lateral regexp_matches(unmatched.caption, '#\w+|(?<![\w.])@(?:[\w.]*\w)', 'g') as words (word)

),

-- The same words come again and again: each is compared once.
words as (

    select distinct
        campaign_id,
        word
    from written

),

alike as materialized (

    select
        words.campaign_id,
        words.word,
        rules.rule,
        {{ letters_forgiven('rules.value') }} as letters_forgiven
    from words
    inner join rules
        on
            words.campaign_id = rules.campaign_id
            and left(words.word, 1) = left(rules.rule, 1)
            and {{ may_be_letters_off('words.word', 'rules.rule', letters_forgiven('rules.value')) }}

),

compared as (

    select
        campaign_id,
        word,
        rule,
        letters_forgiven,
        {{ letters_off('alike.word', 'alike.rule') }} as letters_off
    from alike

),

misspelt as (

    select distinct on (campaign_id, word) *
    from compared
    where letters_off <= letters_forgiven
    order by campaign_id asc, word asc, letters_off asc, rule asc

)

select
    written.campaign_id,
    written.content_id as story_id,
    written.word as suspect,
    misspelt.rule,
    misspelt.letters_off,
    'misspelt' as reason
from written
inner join misspelt
    on
        written.campaign_id = misspelt.campaign_id
        and written.word = misspelt.word
union all
select
    unmatched.campaign_id,
    unmatched.content_id as story_id,
    'no caption' as suspect,
    null as rule,
    null as letters_off,
    'no_caption' as reason
from unmatched
where unmatched.caption is null
