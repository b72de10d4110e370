{# The raw tables that incremental models follow by landing id: storykeep.quality.landing.TABLES. #}
{% macro followed_tables() -%}
    {{ return([
        "story_listings",
        "stories",
        "story_insights",
        "media_files",
        "media",
        "media_insights",
        "account_profiles",
        "account_insights",
        "audience",
    ]) }}
{%- endmacro %}


{# The last build that ended well and how far it came, in the one row of a table: incremental models go on from it. #}
{% macro start_build() -%}
    {%- if flags.WHICH in ('build', 'run') -%}
        -- dbt's clean-up before this hook rolls the role of the connection back.
        set role {{ target.role }};
        {% if flags.FULL_REFRESH %} drop table if exists {{ suffixed('intermediate') }}.last_build; {% endif %}
        create table if not exists {{ suffixed('intermediate') }}.last_build (
            as_of timestamptz not null,
            project text not null,
            {{ followed_tables() | join(" bigint not null, ") }} bigint not null,
            releases bigint not null,
            -- The latest moment of any build since, ended well or not: the tables may know what came until then.
            reached_at timestamptz not null
        );
        delete from {{ suffixed('intermediate') }}.last_build where reached_at > {{ as_of() }};
        update {{ suffixed('intermediate') }}.last_build set reached_at = {{ as_of() }};
    {%- endif -%}
{%- endmacro %}


{# A column of that row as a literal, because the planner scans the whole history for a value that it cannot see.
   `otherwise` is for a full refresh, which starts from nothing, and for what only reads, as the documentation. #}
{% macro last_build(column, otherwise) -%}
    {%- set rows = [] -%}
    {%- if execute -%}
        {%- set table = suffixed('intermediate') ~ ".last_build" -%}
        {%- set rows = run_query("select " ~ column ~ "::text from " ~ table).rows -%}
        {%- if not rows and flags.WHICH in ('build', 'run') and not flags.FULL_REFRESH -%}
            {{ exceptions.raise_compiler_error(
                "no build to go on from that is of " ~ var("as_of") ~ " or earlier -> pass --full-refresh"
            ) }}
        {%- endif -%}
    {%- endif -%}
    '{{ rows[0][0] if rows else otherwise }}'
{%- endmacro %}
