{{ config(
    materialized='incremental',
    unique_key=['account_id', 'date'],
    on_schema_change='fail'
) }}

-- depends_on: {{ ref('int_landing__rows_new') }}

with

snapshots as (

    select * from {{ ref('int_audience__snapshots') }}

),

absences as (

    select * from {{ ref('int_audience__absences') }}

),

{% if is_incremental() %}

    arrived as (

        select distinct
            account_id,
            {{ utc_date('captured_at') }} as date
        from {{ ref('int_landing__rows_new') }}
        where table_name = 'audience'

    ),

    -- Nothing of the audience lands, and it comes to be known why it is not there.
    explained as (

        select distinct
            absences.account_id,
            absences.date
        from absences
        left join {{ this }} as standing
            on
                absences.account_id = standing.account_id
                and absences.date = standing.date
                and absences.audience = standing.audience
                and absences.dimension = standing.dimension
                and standing.value = 'unavailable'
        where absences.unavailable_reason is distinct from standing.unavailable_reason

    ),

    touched as (

        select * from arrived
        union distinct
        select * from explained

    ),

{% endif %}

told as (

    select
        snapshots.account_id,
        snapshots.date,
        snapshots.audience,
        snapshots.dimension,
        snapshots.value,
        snapshots.accounts,
        absences.unavailable_reason,
        snapshots.captured_at
    from snapshots
    left join absences
        on
            snapshots.account_id = absences.account_id
            and snapshots.date = absences.date
            and snapshots.audience = absences.audience
            and snapshots.dimension = absences.dimension
            and snapshots.value = 'unavailable'

)

select told.*
from told
{% if is_incremental() %}
    inner join touched
        on
            told.account_id = touched.account_id
            and told.date = touched.date
{% endif %}
