{# The moment that the marts are about. The clock of the database is never asked, so that a rebuild gives the same. #}
{% macro as_of() -%}
    {%- if execute and not var('as_of', none) -%}
        {{ exceptions.raise_compiler_error(
            "the variable as_of is not set -> run `storykeep build --at TIME`,"
            ~ " or pass --vars '{as_of: 2026-11-21T10:15:00+00:00}'"
        ) }}
    {%- endif -%}
    '{{ var("as_of", "1970-01-01T00:00:00+00:00") }}'::timestamptz
{%- endmacro %}


{# dbt's own idea of now, which source freshness is measured against. #}
{% macro postgres__current_timestamp() -%}
    {{ as_of() }}
{%- endmacro %}
