{{ config(
    materialized='incremental',
    unique_key=['story_id', 'captured_at'],
    indexes=[{'columns': ['story_id', 'captured_at'], 'unique': true}]
) }}

with

replies as (

    select * from {{ ref('int_stories__replies_touched') }}
    where status in ('ok', 'withheld')

),

readings as (

    select
        story_id,
        captured_at,
        {% for metric in metrics_asked_alone() %}
            bool_or(status = 'withheld' and metric_group = '{{ metric }}') as {{ metric }}_withheld,
        {% endfor %}
        bool_or(status = 'withheld' and metric_group not in ({{ optional_groups() }})) as is_withheld
    from replies
    group by story_id, captured_at

),

counts as (

    select
        story_id,
        captured_at,
        {% for column, metric in story_metrics().items() %}
            max(value) filter (where metric = '{{ metric }}') as {{ column }},
        {% endfor %}
        -- The API leaves out the parts of a breakdown that are 0: they are 0 when the others make up the total.
        max(value) filter (where metric = 'navigation')
        = coalesce(sum(value) filter (where metric like 'navigation:%'), 0) as has_whole_navigation
    from {{ ref('int_stories__metrics_counted') }}
    group by story_id, captured_at

)

select
    readings.story_id,
    readings.captured_at,
    {% for column, metric in story_metrics().items() if not metric.startswith('navigation:') %}
        counts.{{ column }},
    {% endfor %}
    {% for column, metric in story_metrics().items() if metric.startswith('navigation:') %}
        case when counts.has_whole_navigation then coalesce(counts.{{ column }}, 0) else counts.{{ column }} end
            as {{ column }},
    {% endfor %}
    {% for metric in metrics_asked_alone() %}
        readings.{{ metric }}_withheld,
    {% endfor %}
    readings.is_withheld
from readings
left join counts
    on
        readings.story_id = counts.story_id
        and readings.captured_at = counts.captured_at
