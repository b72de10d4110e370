{{ config(materialized='view') }}

select
    account_id,
    unseen_from,
    unseen_to
from {{ ref('int_accounts__gaps_explained') }}
where unseen_to > unseen_from
