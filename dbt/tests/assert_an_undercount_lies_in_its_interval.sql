select story_id
from {{ ref('fct_stories') }}
where
    num_nulls(estimated_undercount, estimated_undercount_low, estimated_undercount_high) not in (0, 3)
    or estimated_undercount not between estimated_undercount_low and estimated_undercount_high
    or (estimated_undercount is not null and (views is null or finality not in ('sweep', 'late')))
