{{ config(materialized='view') }}

with

stories as (

    select * from {{ ref('int_stories__known') }}

),

matched as (

    select * from {{ ref('int_campaigns__stories_matched') }}

)

select story_id from stories
{% if not keeps_all() %}
    where story_id in (select matched.story_id from matched)
{% endif %}
