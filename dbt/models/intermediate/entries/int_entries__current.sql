{{ config(post_hook='analyze {{ this }}') }}

select
    entry_id,
    version,
    kind,
    account_id,
    story_id,
    campaign_id,
    first_entered_at,
    entered_at,
    author,
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
    is_approved
from {{ ref('int_entries__versions') }}
where is_current
