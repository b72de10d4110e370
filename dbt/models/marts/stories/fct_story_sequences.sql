with

frames as (

    select * from {{ ref('fct_stories') }}

),

sequences as (

    select
        sequence_id,
        account_id,
        count(*)::integer as frames,
        min(posted_at) as started_at,
        max(posted_at) as last_posted_at,
        max(expires_at) as expires_at,
        (array_agg(story_id order by frame_position desc))[1] as last_story_id,
        (array_agg(reach order by frame_position asc))[1] as reach_first,
        (array_agg(reach order by frame_position desc))[1] as reach_last,
        (array_agg(reach_withheld order by frame_position asc))[1] as reach_first_withheld,
        (array_agg(reach_withheld order by frame_position desc))[1] as reach_last_withheld,
        max(reach) as reach_lower,
        count(*) filter (where reach is null)::integer as frames_without_reach,
        sum(exits)::bigint as exits,
        bool_or(finality = 'live') as is_live
    from frames
    group by sequence_id, account_id

),

drops as (

    select
        *,
        case when frames > 1 then (reach_first - reach_last)::numeric / nullif(reach_first, 0) end as drop_off
    from sequences

)

select
    sequence_id,
    account_id,
    last_story_id,
    started_at,
    last_posted_at,
    expires_at,
    is_live,
    frames,
    frames_without_reach,
    reach_first,
    reach_first_withheld,
    reach_last,
    reach_last_withheld,
    reach_lower,
    exits,
    drop_off::numeric(24, 6) as drop_off,
    (drop_off / nullif(frames - 1, 0))::numeric(24, 6) as drop_off_per_frame
from drops
