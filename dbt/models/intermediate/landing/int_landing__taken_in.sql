with

-- A row that was captured after the moment of the build is not in it, so that the next one has to look there again.
marks as (

    select
        table_name,
        coalesce(min(landing_id) filter (where captured_at > {{ as_of() }}) - 1, max(landing_id)) as landing_id
    from {{ ref('int_landing__rows_new') }}
    where is_new
    group by table_name

),

-- Likewise of what was let in.
releases as (

    select coalesce(min(release_id) filter (where released_at > {{ as_of() }}) - 1, max(release_id)) as release_id
    from {{ source('app', 'quarantine') }}
    where release_id > {{ last_build('releases', 0) }}::bigint

)

select
    {{ as_of() }} as as_of,
    '{{ var("project", "") }}' as project,
    {% for table in followed_tables() %}
        coalesce(max(landing_id) filter (where table_name = '{{ table }}'), {{ last_build(table, 0) }}::bigint)
            as {{ table }},
    {% endfor %}
    coalesce((select releases.release_id from releases), {{ last_build('releases', 0) }}::bigint) as releases,
    {{ as_of() }} as reached_at
from marks
