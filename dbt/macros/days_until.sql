{% macro days_until(moment) %}
    round(extract(epoch from {{ moment }} - {{ as_of() }}) / 86400, 1)::numeric(10, 1)
{%- endmacro %}
