{# Stories of an account are frames of one sequence as long as no two that follow each other are further apart. #}
{% macro sequence_pause() -%} interval '60 minutes' {%- endmacro %}


{# A part of a count: null where either is not known, where there is none to be a part of, and where they contradict
   each other, since the API counts the two at different times. #}
{% macro share(part, whole) -%}
    case when {{ whole }} > 0 and {{ part }} between 0 and {{ whole }} then ({{ part }})::numeric / {{ whole }} end::numeric(7, 6)
{%- endmacro %}
