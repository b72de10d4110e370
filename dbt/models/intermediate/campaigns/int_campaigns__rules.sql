with

rules as (

    select
        campaign_id,
        kind,
        {{ folded('value') }} as value
    from {{ ref('stg_app__match_rules') }}

),

bare as (

    select
        campaign_id,
        kind,
        case kind when 'link' then {{ bare_link('value') }} else value end as value
    from rules

)

select
    campaign_id,
    kind,
    value,
    {{ rule_sign('kind') }} || value as rule
from bare
