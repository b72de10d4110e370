select distinct day as date
from {{ source('instagram', 'listing_days') }}
