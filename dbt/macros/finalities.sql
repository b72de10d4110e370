{# How a story's final numbers were obtained. #}
{% macro finalities() -%}
    {{ return(["webhook", "sweep", "masked", "manual", "late", "missing", "live"]) }}
{%- endmacro %}
