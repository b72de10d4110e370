{{ config(indexes=[{'columns': ['account_id', 'posted_at']}], post_hook='analyze {{ this }}') }}

with

stories as (

    select
        story_id as content_id,
        'story' as content_type,
        account_id,
        posted_at,
        caption,
        link,
        provenance
    from {{ ref('int_stories__known') }}

),

posts as (

    select
        post_id as content_id,
        content_type,
        account_id,
        posted_at,
        caption,
        null as link,
        'api' as provenance
    from {{ ref('int_posts__latest') }}

),

content as (

    select * from stories
    union all
    select * from posts

)

select
    content_id,
    content_type,
    account_id,
    posted_at,
    provenance,
    {{ folded('caption') }} as caption,
    {{ folded('link') }} as link
from content
