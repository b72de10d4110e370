{# Brands and campaigns as they are; with the variable known_at, as they were then: out of the versions that every
   change of them left. #}
{% macro as_known(table) -%}
    {%- set lists = {
        "campaign_participants": "participants", "match_rules": "rules", "deliverables": "deliverables"
    } -%}
    {%- set subject = "brand" if table == "brands" else "campaign" -%}
    {#- Both are named whatever the variables say: dbt asks for a model's sources once, when it reads the project. -#}
    {%- set current = source('app', table) -%}
    {%- set versions = source('app', subject ~ '_versions') -%}
    {%- if not var('known_at', none) -%}
        {{ current }}
    {%- else -%}
        (
            select known.*
            from (
                select distinct on ({{ subject }}_id) {{ subject }}_id, document
                from {{ versions }}
                where recorded_at <= '{{ var("known_at") }}'::timestamptz
                order by {{ subject }}_id, version desc
            ) as versions
            {% if table in lists %}
                cross join lateral jsonb_array_elements(versions.document -> '{{ lists[table] }}') as items (item)
            {% endif %}
            cross join lateral jsonb_populate_record(
                null::{{ current }},
                {% if table in lists %} jsonb_build_object('campaign_id', versions.campaign_id) || items.item
                {% else %} versions.document {% endif %}
            ) as known
        )
    {%- endif -%}
{%- endmacro %}
