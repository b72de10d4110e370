{{ config(post_hook='analyze {{ this }}') }}

with

entries as (

    select * from {{ ref('stg_entries__manual_entries') }}

),

-- A later decision replaces an earlier one.
decisions as (

    select distinct on (entry_id, version)
        entry_id,
        version,
        decision,
        decided_by,
        decided_at
    from {{ ref('stg_app__entry_approvals') }}
    order by entry_id asc, version asc, decided_at desc, approval_id desc

),

histories as (

    select
        entries.*,
        decisions.decision = 'approved' as is_approved,
        decisions.decided_by,
        decisions.decided_at,
        max(entries.version) over by_entry as last_version,
        coalesce(max(entries.version) filter (where entries.is_withdrawn) over by_entry, 0) as last_withdrawal,
        max(entries.version) filter (where decisions.decision = 'approved') over by_entry as last_approved
    from entries
    left join decisions
        on
            entries.entry_id = decisions.entry_id
            and entries.version = decisions.version
    window by_entry as (partition by entries.entry_id)

)

select
    entry_id,
    version,
    landing_id,
    kind,
    account_id,
    story_id,
    campaign_id,
    entered_at,
    min(entered_at) filter (where version > last_withdrawal) over (partition by entry_id) as first_entered_at,
    author,
    evidence_hash,
    evidence_path,
    posted_at,
    permalink,
    media_type,
    caption,
    link,
    observed_at,
    metrics,
    decision,
    note,
    content_hash,
    coalesce(is_approved, false) as is_approved,
    decided_by,
    decided_at,
    version = last_version and not is_withdrawn as is_current,
    case
        when version <= last_withdrawal then 'withdrawn'
        when not is_approved then 'rejected'
        when version = last_approved then 'approved'
        when version < last_approved or version < last_version then 'replaced'
        else 'waiting'
    end as status
from histories
