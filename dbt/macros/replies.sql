{# Every number in these replies, by metric. A part of a breakdown is named `metric:value` in lower case, since it is
   documented in upper case and served in lower case; one of several dimensions `metric:value/value`. #}
{% macro numbers_of(replies, columns) -%}
    select
        {{ columns }},
        items.item ->> 'name' as metric,
        coalesce(
            {{ json_number("items.item #> '{values,0,value}'") }},
            {{ json_number("items.item #> '{total_value,value}'") }}
        ) as value
    from {{ replies }}
    cross join lateral jsonb_array_elements({{ json_array("payload -> 'data'") }}) as items (item)
    where jsonb_typeof(items.item -> 'name') = 'string'
    union all
    select
        {{ columns }},
        (items.item ->> 'name') || ':' || parts.part as metric,
        {{ json_number("results.result -> 'value'") }} as value
    from {{ replies }}
    cross join lateral jsonb_array_elements({{ json_array("payload -> 'data'") }}) as items (item)
    cross join
        lateral jsonb_array_elements(
            {{ json_array("items.item #> '{total_value,breakdowns,0,results}'") }}
        ) as results (result)
    cross join
        lateral (
            select lower(string_agg(texts.value, '/' order by texts.place)) as part
            from
                jsonb_array_elements_text({{ json_array("results.result -> 'dimension_values'") }})
                with ordinality as texts (value, place)
        ) as parts
    where jsonb_typeof(items.item -> 'name') = 'string' and parts.part is not null
{%- endmacro %}


{# A number out of a reply: null unless it is a JSON number, not negative, of at most 15 digits before the point. #}
{% macro json_number(value) -%}
    case
        when jsonb_typeof({{ value }}) = 'number' and ({{ value }})::text ~ '^[0-9]{1,15}([.][0-9]{1,6})?$'
            then ({{ value }})::text::numeric
    end
{%- endmacro %}


{# A number that is a count: whole, or none. #}
{% macro whole(value) -%}
    case when {{ value }} = trunc({{ value }}) then {{ value }}::bigint end
{%- endmacro %}
