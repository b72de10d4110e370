{# Whether every story reaches the marts, or those only that count for a campaign. #}
{% macro keeps_all() -%}
    {{ return(var('keep', 'all') == 'all') }}
{%- endmacro %}


{# Takes the stories out of an incremental model that are no longer kept: a campaign has changed since. #}
{% macro delete_not_kept() -%}
    {%- if not keeps_all() -%}
        delete from {{ this }} as standing
        where not exists (select from {{ ref('int_stories__kept') }} as kept where kept.story_id = standing.story_id)
    {%- endif -%}
{%- endmacro %}
