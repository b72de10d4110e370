with

deliverables as (

    select * from {{ ref('stg_app__deliverables') }}

),

rosters as (

    select distinct
        campaign_id,
        account_id
    from {{ ref('stg_app__campaign_participants') }}

),

content as (

    select
        *,
        row_number() over (
            partition by campaign_id, account_id, content_type
            order by posted_at, content_id
        ) as number
    from {{ ref('int_campaigns__content_matched') }}

),

promised_by as (

    select
        deliverables.campaign_id,
        coalesce(deliverables.account_id, rosters.account_id) as account_id,
        deliverables.deliverable_id,
        deliverables.kind,
        deliverables.quantity,
        deliverables.due_at
    from deliverables
    left join rosters
        on
            deliverables.campaign_id = rosters.campaign_id
            and deliverables.account_id is null

),

-- Each piece by itself, the first due in front.
pieces as (

    select
        promised_by.campaign_id,
        promised_by.account_id,
        promised_by.kind,
        promised_by.due_at,
        row_number() over (
            partition by promised_by.campaign_id, promised_by.account_id, promised_by.kind
            order by promised_by.due_at, promised_by.deliverable_id, pieces.piece
        ) as number
    from promised_by
    cross join lateral generate_series(1, promised_by.quantity) as pieces (piece)
    where promised_by.account_id is not null

)

select
    pieces.campaign_id,
    pieces.account_id,
    pieces.kind,
    count(*)::integer as deliverables_promised,
    count(content.content_id)::integer as deliverables_delivered,
    count(*) filter (where content.posted_at > pieces.due_at)::integer as deliverables_late,
    count(*) filter (
        where content.content_id is null and pieces.due_at <= {{ as_of() }}
    )::integer as deliverables_overdue
from pieces
left join content
    on
        pieces.campaign_id = content.campaign_id
        and pieces.account_id = content.account_id
        and pieces.kind = content.content_type
        and pieces.number = content.number
group by pieces.campaign_id, pieces.account_id, pieces.kind
