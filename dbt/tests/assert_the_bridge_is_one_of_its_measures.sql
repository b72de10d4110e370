select post_id
from {{ ref('fct_posts') }}
where
    (exposure_measure = 'views' and views_or_impressions is distinct from views)
    or (exposure_measure = 'impressions' and views_or_impressions is distinct from impressions)
    or (exposure_measure is null) <> (views_or_impressions is null)
    or (exposure_measure = 'impressions' and views is not null)
