with

-- What retention kept of the days that it dropped is as good as what stands.
landed as (

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

)

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
from landed
where {{ is_known('story_insights') }}
