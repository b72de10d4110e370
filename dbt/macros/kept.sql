{# Whether every story reaches the marts, or those only that count for a campaign. #}
{% macro keeps_all() -%}
    {{ return(var('keep', 'all') == 'all') }}
{%- endmacro %}


{# Takes the stories out of an incremental model that are no longer there: a campaign has changed since, or what was
   entered by hand has been merged or withdrawn. #}
{% macro delete_stories_gone() -%}
    delete from {{ this }} as standing
    where not exists (select from {{ ref('int_stories__kept') }} as kept where kept.story_id = standing.story_id)
{%- endmacro %}


{# Likewise of a model that has only what the API showed, which does not go away but by a change of campaigns. #}
{% macro delete_not_kept() -%}
    {%- if not keeps_all() -%}
        {{ delete_stories_gone() }}
    {%- endif -%}
{%- endmacro %}


{# The columns of the standing table of an incremental model, of a table that has the same ones. #}
{% macro qualified(alias) -%}
    {%- set columns = adapter.get_columns_in_relation(this) if execute else [] -%}
    {%- for column in columns -%}
        {{ alias }}.{{ column.quoted }}{{ ", " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
