with

frames as (

    select
        sequence_id,
        min(account_id) as account_id,
        count(*) as frames,
        min(frame_position) as first_position,
        max(frame_position) as last_position,
        count(distinct frame_position) as positions
    from {{ ref('fct_stories') }}
    group by sequence_id

)

select coalesce(frames.sequence_id, sequences.sequence_id) as sequence_id
from frames
full join {{ ref('fct_story_sequences') }} as sequences on frames.sequence_id = sequences.sequence_id
where
    frames.frames is distinct from sequences.frames
    or frames.account_id is distinct from sequences.account_id
    or (frames.first_position, frames.last_position, frames.positions) <> (1, frames.frames, frames.frames)
