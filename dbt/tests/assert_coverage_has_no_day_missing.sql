select
    account_id,
    max(date) - min(date) + 1 as days_due,
    count(*) as days_covered
from {{ ref('fct_capture_coverage') }}
group by account_id
having max(date) - min(date) + 1 <> count(*)
