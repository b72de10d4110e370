{# The kinds of entries that make a story known which the API never showed, those that count first in front. #}
{% macro capture_kinds() -%}
    {{ return({"story_capture": "manual_capture", "creator_upload": "creator_upload"}) }}
{%- endmacro %}


{# How far the time of posting that a person tells may be from the one that the API does. #}
{% macro posting_tolerance() -%} interval '10 minutes' {%- endmacro %}


{# The story that exists by hand alone. #}
{% macro manual_story_id(entry_id) -%}
    'manual:' || {{ entry_id }}
{%- endmacro %}


{# What tells stories apart in their addresses: hosts vary, and handles change. #}
{% macro story_number(permalink) -%}
    substring({{ permalink }} from '/stories/[^/]+/([0-9]+)')
{%- endmacro %}


{# What was entered last, of the entries of a group that say something. #}
{% macro last_entered(column) -%}
    (array_agg({{ column }} order by entered_at desc, content_hash desc) filter (where {{ column }} is not null))[1]
{%- endmacro %}


{# The common table expressions `stories` and `names`, which entries can be about: those of the API and those by hand,
   with every name that an entry may call them by. `captures` is the query for the entries that were resolved before. #}
{% macro stories_by_now(captures) %}
captures as (

    select
        entries.entry_id,
        entries.account_id,
        entries.posted_at,
        entries.permalink,
        captures.resolved_story_id
    from ({{ captures }}) as captures
    inner join {{ ref('int_entries__current') }} as entries on captures.entry_id = entries.entry_id

),

stories as (

    select
        story_id,
        account_id,
        posted_at,
        permalink
    from {{ ref('int_stories__versions_latest') }}
    union all
    select
        resolved_story_id as story_id,
        account_id,
        posted_at,
        permalink
    from captures
    where resolved_story_id = {{ manual_story_id('entry_id') }}

),

names as (

    select
        story_id as name,
        story_id,
        account_id
    from stories
    union all
    -- It was a story by hand, and has been merged since.
    select
        {{ manual_story_id('entry_id') }} as name,
        resolved_story_id as story_id,
        account_id
    from captures
    where resolved_story_id <> {{ manual_story_id('entry_id') }}

),
{% endmacro %}


{# The common table expressions from `entries`, `stories` and `names` (of these) to `found`, which has the story that
   each entry is about: that which it names by id or address, else the one of its account that was posted next to its
   time, the nearest pair first, and one story for one entry of a purpose. `is_taken` says of `stories` which of them
   are not to be found by time. #}
{% macro entries_resolved(is_taken) %}
named as (

    select
        entries.entry_id,
        names.story_id,
        'story_id' as resolved_by,
        1 as place
    from entries
    inner join names
        on
            entries.story_id = names.name
            and coalesce(entries.account_id, names.account_id) = names.account_id
    union all
    select
        entries.entry_id,
        stories.story_id,
        'permalink' as resolved_by,
        2 as place
    from entries
    inner join stories
        on
            {{ story_number('entries.permalink') }} = {{ story_number('stories.permalink') }}
            and coalesce(entries.account_id, stories.account_id) = stories.account_id

),

told as (

    select distinct on (entry_id)
        entry_id,
        story_id,
        resolved_by
    from named
    order by entry_id asc, place asc, story_id asc

),

near as (

    select
        entries.entry_id,
        stories.story_id,
        entries.purpose,
        entries.account_id,
        least(entries.posted_at, stories.posted_at) as starts_at,
        greatest(entries.posted_at, stories.posted_at) as ends_at
    from entries
    inner join stories
        on
            entries.account_id = stories.account_id
            and stories.posted_at >= entries.posted_at - {{ posting_tolerance() }}
            and stories.posted_at <= entries.posted_at + {{ posting_tolerance() }}
    where
        not exists (select from told where told.entry_id = entries.entry_id)
        and not {{ is_taken }}

),

-- Pairs that compete for an entry or a story overlap in time.
beginnings as (

    select
        *,
        starts_at <= max(ends_at) over (
            partition by purpose, account_id
            order by starts_at, ends_at, entry_id, story_id
            rows between unbounded preceding and 1 preceding
        ) as goes_on
    from near

),

groups as (

    select
        *,
        count(*) filter (where goes_on is not true) over (
            partition by purpose, account_id
            order by starts_at, ends_at, entry_id, story_id
        ) as group_number
    from beginnings

),

turns as (

    select
        *,
        row_number() over (
            partition by purpose, account_id, group_number
            order by ends_at - starts_at, starts_at, story_id, entry_id
        ) as turn
    from groups

),

-- The nearest pair of a group first, then the nearest of what it left.
chosen as (

    select
        purpose,
        account_id,
        group_number,
        turn,
        entry_id,
        story_id,
        true as is_chosen,
        array[entry_id, story_id] as taken
    from turns
    where turn = 1
    union all
    select
        turns.purpose,
        turns.account_id,
        turns.group_number,
        turns.turn,
        turns.entry_id,
        turns.story_id,
        not array[turns.entry_id, turns.story_id] && chosen.taken as is_chosen,
        case
            when array[turns.entry_id, turns.story_id] && chosen.taken then chosen.taken
            else chosen.taken || array[turns.entry_id, turns.story_id]
        end as taken
    from chosen
    inner join turns
        on
            chosen.purpose = turns.purpose
            and chosen.account_id = turns.account_id
            and chosen.group_number = turns.group_number
            and chosen.turn + 1 = turns.turn

),

found as (

    select * from told
    union all
    select
        entry_id,
        story_id,
        'time' as resolved_by
    from chosen
    where is_chosen

)
{% endmacro %}
