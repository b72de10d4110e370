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


{# Rows of a raw table that a build knows: captured by the moment that it is about, landed before it began, and not in
   quarantine. #}
{% macro is_known(table) -%}
    captured_at <= {{ as_of() }} and {{ has_landed(table) }} and {{ is_let_in(table) }}
{%- endmacro %}


{% macro has_landed(table) -%}
    {%- set until = var('landed_until', none) -%}
    {{ "landing_id <= " ~ (until[table] if table in until else 0) if until else "true" }}
{%- endmacro %}


{# Rows that are as agreed, or that a person has let in by then. A row counts as put aside from its landing on: no
   build ever knew it before. Their ids as literals, because the planner thinks that it has to look for others. #}
{% macro is_let_in(table) -%}
    {%- set aside = landing_ids(
        "table_name = '" ~ table ~ "' and (released_at is null or released_at > " ~ as_of() ~ ")"
    ) -%}
    {{ "(landing_id in (" ~ aside | join(", ") ~ ")) is not true" if aside else "true" }}
{%- endmacro %}


{# The landing ids of what a person has let in since the last build, of a raw table. #}
{% macro released(table) -%}
    {{ return(landing_ids("table_name = '" ~ table ~ "' and release_id > " ~ last_build('releases', 0) ~ "::bigint")) }}
{%- endmacro %}


{% macro landing_ids(condition) -%}
    {%- set query = "select landing_id::text from app.quarantine where " ~ condition ~ " order by landing_id" -%}
    {{ return(run_query(query).columns[0].values() | list if execute else []) }}
{%- endmacro %}


{# dbt's own idea of now, which source freshness is measured against. #}
{% macro postgres__current_timestamp() -%}
    {{ as_of() }}
{%- endmacro %}


{# The newest row of a source, looked for in days that are not yet too old for any: not in the whole history. #}
{% macro postgres__collect_freshness(source, loaded_at_field, filter) -%}
    {{ return(default__collect_freshness(
        source, loaded_at_field, loaded_at_field ~ " > " ~ as_of() ~ " - interval '4 days'"
    )) }}
{%- endmacro %}
