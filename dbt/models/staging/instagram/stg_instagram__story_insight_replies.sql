select
    story_id,
    metric_group,
    captured_at,
    account_id,
    run_id,
    status,
    error_code,
    error_subcode,
    payload,
    content_hash
-- A subquery, since out of a CTE Postgres looks up a few readings by going over the whole history.
from (
    select
        story_id,
        metric_group,
        captured_at,
        account_id,
        run_id,
        status,
        error_code,
        error_subcode,
        payload,
        content_hash,
        landing_id
    from {{ source('instagram', 'story_insights') }}
    union all
    -- What retention kept of the days that it dropped is as good as what stands.
    select
        story_id,
        metric_group,
        captured_at,
        account_id,
        run_id,
        status,
        error_code,
        error_subcode,
        payload,
        content_hash,
        landing_id
    from {{ source('instagram', 'story_insights_kept') }}
) as landed
where {{ is_known('story_insights') }}
