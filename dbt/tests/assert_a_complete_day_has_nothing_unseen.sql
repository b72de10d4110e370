select
    account_id,
    date
from {{ ref('fct_capture_coverage') }}
where
    (is_complete and (unseen_possible_minutes > 0 or longest_gap_minutes >= 24 * 60))
    or (unseen_from is not null and ({{ utc_date('unseen_from') }} <> date or unseen_from >= unseen_to))
