{{ config(materialized='view') }}

with

asked as (

    select * from {{ ref('permissions') }}

),

-- An empty list is one that is known: nothing was granted.
connections as (

    select
        account_id,
        login_flavour,
        string_to_array(scopes, ', ') as scopes
    from {{ ref('stg_app__connections') }}
    where scopes is not null

),

granted as (

    select
        connections.account_id,
        bool_or(coalesce(asked.gives = 'content', false)) as gives_content,
        bool_or(coalesce(asked.gives = 'insights', false)) as gives_insights,
        string_agg(scopes.permission, ', ' order by scopes.permission) filter (where asked.permission is null)
            as surplus
    from connections
    cross join lateral unnest(connections.scopes) as scopes (permission)
    left join asked
        on
            connections.login_flavour = asked.login_flavour
            and scopes.permission = asked.permission
    group by connections.account_id

),

missing as (

    select
        connections.account_id,
        string_agg(asked.permission, ', ' order by asked.permission) as permissions
    from connections
    inner join asked
        on
            connections.login_flavour = asked.login_flavour
            and asked.gives is not null
            and asked.permission <> all(connections.scopes)
    group by connections.account_id

)

select
    connections.account_id,
    case
        -- Nothing at all can be read without the content.
        when not coalesce(granted.gives_content, false) then 'verified_only'
        when granted.gives_insights then 'insights'
        else 'content_only'
    end as capability_level,
    missing.permissions as missing_scopes,
    granted.surplus as surplus_scopes
from connections
left join granted on connections.account_id = granted.account_id
left join missing on connections.account_id = missing.account_id
