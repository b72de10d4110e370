{{ config(
    materialized='incremental',
    unique_key=['post_id', 'asked'],
    indexes=[{'columns': ['post_id', 'asked'], 'unique': true}]
) }}

{% set asked_alone = "'" ~ (post_metrics_asked_alone() + ['reels_skip_rate']) | join("', '") ~ "'" %}

with

new_replies as (

    select
        post_id,
        -- The metrics of the core group are asked one by one (core:reach) once one of them was refused.
        case when metric_group in ({{ asked_alone }}) then metric_group else 'core' end as asked,
        captured_at,
        status
    from {{ ref('int_posts__replies_new') }}
    where status in ('ok', 'withheld')

),

replies as (

    select * from new_replies
    {% if is_incremental() %}
        union all
        select
            standing.post_id,
            standing.asked,
            standing.captured_at,
            standing.status
        from {{ this }} as standing
        where standing.post_id in (select new_replies.post_id from new_replies)
    {% endif %}

)

select distinct on (post_id, asked)
    post_id,
    asked,
    captured_at,
    status
from replies
-- What was counted at a moment was not withheld then.
order by post_id asc, asked asc, captured_at desc, status asc
