with

content as (

    select * from {{ ref('int_campaigns__content_folded') }}

),

-- What would count if its caption had what the rules ask for, and nobody has put into the campaign or out of it.
unmatched as (

    select
        campaign_id,
        content_id
    from {{ ref('int_campaigns__judged') }}
    where
        content_type = 'story'
        and untimely is null
        and is_taking_part
        and has_rules
        and rules_found is null
        and assigned is null

),

rules as (

    select * from {{ ref('int_campaigns__rules') }}
    where kind in ('hashtag', 'mention')

),

written as materialized (

    select distinct
        content.content_id,
        words.word[1] as word
    from content
    cross join lateral regexp_matches(content.caption, '#\w+|(?<![\w.])@(?:[\w.]*\w)', 'g') as words (word)
    where content.content_id in (select unmatched.content_id from unmatched)

),

-- The same words come again and again: each is compared once.
words as (

    select distinct
        unmatched.campaign_id,
        written.word
    from unmatched
    inner join written on unmatched.content_id = written.content_id

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

-- Once for the filter and the order below.
compared as materialized (

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

),

-- By the word first, which few share, and by the campaign then, which many do.
suspects as materialized (

    select
        misspelt.*,
        written.content_id
    from misspelt
    inner join written on misspelt.word = written.word

)

select
    suspects.campaign_id,
    suspects.content_id as story_id,
    suspects.word as suspect,
    suspects.rule,
    suspects.letters_off,
    'misspelt' as reason
from suspects
inner join unmatched
    on
        suspects.campaign_id = unmatched.campaign_id
        and suspects.content_id = unmatched.content_id
union all
select
    unmatched.campaign_id,
    unmatched.content_id as story_id,
    'no caption' as suspect,
    null as rule,
    null as letters_off,
    'no_caption' as reason
from unmatched
inner join content on unmatched.content_id = content.content_id
where content.caption is null
