{% set measures = ["views", "reach", "total_interactions"] %}
{% set measures_of_stories = ["replies", "link_clicks"] %}

with

content as (

    select * from {{ ref('int_campaigns__content_matched') }}

),

campaigns as (

    select
        campaigns.campaign_id,
        campaigns.currency,
        brands.time_zone
    from {{ ref('stg_app__campaigns') }} as campaigns
    inner join {{ ref('stg_app__brands') }} as brands on campaigns.brand_id = brands.brand_id

),

accounts as (

    select * from {{ ref('stg_app__accounts') }}

),

rates as (

    select * from {{ ref('emv_rates') }}

),

stories as (

    select
        story_id as content_id,
        {% for metric in measures + measures_of_stories %}
            {{ metric }},
            {{ metric }}_withheld,
        {% endfor %}
        provenance,
        finality,
        is_final
    from {{ ref('fct_stories') }}

),

posts as (

    select
        post_id as content_id,
        {% for metric in measures %}
            {{ metric }},
            {{ metric }}_withheld,
        {% endfor %}
        {% for metric in measures_of_stories %}
            null::bigint as {{ metric }},
            false as {{ metric }}_withheld,
        {% endfor %}
        'api' as provenance,
        null as finality,
        null::boolean as is_final
    from {{ ref('int_posts__latest') }}

),

measured as (

    select * from stories
    union all
    select * from posts

)

select
    content.campaign_id,
    content.content_id,
    content.content_type,
    content.account_id,
    accounts.creator_id,
    -- The day at the brand, which has 23 or 25 hours when its clocks change.
    (content.posted_at at time zone campaigns.time_zone)::date as date,
    measured.provenance,
    measured.finality,
    measured.is_final,
    {% for metric in measures + measures_of_stories %}
        measured.{{ metric }},
        measured.{{ metric }}_withheld,
    {% endfor %}
    (case
        when num_nonnulls(measured.views, measured.total_interactions) > 0
            then
                coalesce(measured.views, 0) * rates.per_view
                + coalesce(measured.total_interactions, 0) * rates.per_interaction
    end)::numeric(24, 4) as emv
from content
inner join campaigns on content.campaign_id = campaigns.campaign_id
inner join accounts on content.account_id = accounts.account_id
inner join measured on content.content_id = measured.content_id
left join rates
    on
        content.content_type = rates.content_type
        and campaigns.currency = rates.currency
