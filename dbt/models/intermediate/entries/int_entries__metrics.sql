{{ config(post_hook='analyze {{ this }}') }}

with

versions as (

    select * from {{ ref('int_entries__versions') }}

),

resolved as (

    select * from {{ ref('int_entries__resolved') }}

),

known as (

    select * from {{ ref('int_stories__known') }}

),

told as (

    select
        versions.entry_id,
        metrics.metric,
        versions.version,
        -- Of an entry that was taken back, the story that it named.
        coalesce(resolved.resolved_story_id, known.story_id) as story_id,
        coalesce(versions.account_id, known.account_id) as account_id,
        {{ json_count('metrics.value') }} as value,
        versions.status,
        versions.observed_at,
        versions.entered_at,
        versions.author,
        versions.decided_by,
        versions.decided_at,
        versions.evidence_hash,
        versions.evidence_path,
        versions.note,
        versions.content_hash
    from versions
    cross join lateral jsonb_each(versions.metrics) as metrics (metric, value)
    left join resolved on versions.entry_id = resolved.entry_id
    left join known on versions.story_id = known.story_id
    where metrics.metric in ({{ "'" ~ story_metrics() | join("', '") ~ "'" }})

)

select
    *,
    -- Of several entries about one story the one that was entered last.
    coalesce(
        status = 'approved'
        and story_id is not null
        and row_number() over (
            partition by story_id, metric, status
            order by entered_at desc, content_hash desc, entry_id desc
        ) = 1,
        false
    ) as is_winner
from told
where value is not null
