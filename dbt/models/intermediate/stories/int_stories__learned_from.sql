-- Chosen anew at each build, for every story that needs it: they are few, and rows of earlier stories may come late.
with

stories as not materialized (

    select * from {{ ref('int_stories__finalised') }}

),

-- Those whose last reading is too old for their last growth to tell what came since, and sweeps that were read once.
estimated as (

    select * from stories
    where finality = 'late' or (finality = 'sweep' and estimated_undercount is null)

),

own as (

    {{ earlier_stories('estimated', own_stories_of_a_curve(), own_only=true) }}

),

without_own as (

    select estimated.*
    from estimated
    where estimated.story_id not in (
        select own.story_id
        from own
        group by own.story_id
        having count(*) >= {{ fewest_stories_of_a_curve() }}
    )

),

others as (

    {{ earlier_stories('without_own', other_stories_of_a_curve(), own_only=false) }}

)

select * from own
where story_id not in (select without_own.story_id from without_own)
union all
select * from others
