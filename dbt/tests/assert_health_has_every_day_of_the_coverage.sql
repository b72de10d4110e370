select
    coverage.account_id,
    coverage.date
from {{ ref('fct_capture_coverage') }} as coverage
left join {{ ref('fct_connection_health') }} as health
    on
        coverage.account_id = health.account_id
        and coverage.date = health.date
where
    health.account_id is null
    or health.listings_good <> coverage.listings_done
    or health.listings_failed <> coverage.listings_failed
