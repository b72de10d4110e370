{# Schema names as they are written in dbt_project.yml: no prefix of the target. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ suffixed(custom_schema_name | trim if custom_schema_name else target.schema) }}
{%- endmacro %}


{# A rebuild that is only to be compared goes into schemas of its own. #}
{% macro suffixed(schema) -%}
    {{ schema ~ var('schema_suffix', '') }}
{%- endmacro %}
