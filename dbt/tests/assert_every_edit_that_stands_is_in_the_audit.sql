-- With the very count that the story shows, and no other is.
with

shown as (

    {% for metric in story_metrics() %}
        select
            story_id,
            '{{ metric }}' as metric,
            {{ metric }} as value
        from {{ ref('fct_stories') }}
        where {{ metric }}_source = 'manual'
        {{ "union all" if not loop.last }}
    {% endfor %}

),

audited as (

    select
        story_id,
        metric,
        manual_value
    from {{ ref('fct_metric_audit') }}
    where is_winner

)

select
    coalesce(shown.story_id, audited.story_id) as story_id,
    coalesce(shown.metric, audited.metric) as metric
from shown
full join audited
    on
        shown.story_id = audited.story_id
        and shown.metric = audited.metric
        and shown.value = audited.manual_value
where shown.story_id is null or audited.story_id is null
