with

edits as (

    select * from {{ ref('int_entries__metrics') }}

),

-- What the API says of the metric.
polled as (

    select
        edits.entry_id,
        edits.version,
        edits.metric,
        case edits.metric
            {% for metric in story_metrics() %}
                when '{{ metric }}' then stories.{{ metric }}
            {% endfor %}
        end as value,
        case edits.metric
            {% for metric in story_metrics() %}
                when '{{ metric }}' then stories.{{ metric }}_withheld
            {% endfor %}
        end as is_withheld
    from edits
    inner join {{ ref('int_stories__finalised') }} as stories on edits.story_id = stories.story_id

),

winners as (

    select * from edits
    where is_winner

),

-- A story of no campaign is in no mart where only stories of campaigns are kept.
left_out as (

    select known.story_id
    from {{ ref('int_stories__known') }} as known
    left join {{ ref('int_stories__kept') }} as kept on known.story_id = kept.story_id
    where kept.story_id is null

)

select
    edits.entry_id,
    edits.version,
    edits.metric,
    edits.story_id,
    edits.account_id,
    edits.value as manual_value,
    polled.value as poll_value,
    coalesce(polled.is_withheld, false) as poll_withheld,
    coalesce(winners.value, polled.value) as value,
    case
        when winners.entry_id is not null then 'manual'
        when polled.value is not null or polled.is_withheld then 'poll'
    end as winner,
    edits.is_winner,
    case
        when edits.story_id is null then 'no_story'
        when edits.status <> 'approved' then 'only_approved_edits_count'
        when edits.is_winner then 'an_approved_edit_wins'
        else 'a_later_edit_wins'
    end as rule,
    edits.status,
    edits.observed_at,
    edits.entered_at,
    edits.author,
    edits.decided_by,
    edits.decided_at,
    edits.evidence_hash,
    edits.evidence_path,
    edits.note
from edits
left join polled
    on
        edits.entry_id = polled.entry_id
        and edits.version = polled.version
        and edits.metric = polled.metric
left join winners
    on
        edits.story_id = winners.story_id
        and edits.metric = winners.metric
where
    not exists (
        select left_out.story_id
        from left_out
        where left_out.story_id = edits.story_id
    )
