{# Stories that are posted within this time of each other are of one run: somebody tells something in frames. #}
{% macro run_break() -%} interval '6 hours' {%- endmacro %}


{# How far back a habit is looked for, of how many gaps at most, and of how many at least. #}
{% macro habit_span() -%} interval '90 days' {%- endmacro %}
{% macro most_gaps_of_a_habit() -%} 20 {%- endmacro %}
{% macro fewest_gaps_of_a_habit() -%} 5 {%- endmacro %}


{# Who posts once a day does so now at nine and then at noon: still daily. #}
{% macro daily_gap_hours() -%} 36 {%- endmacro %}


{# Silent for so many times the usual gap is an alarm. #}
{% macro alarming_gaps() -%} 3 {%- endmacro %}


{% macro hours_between(earlier, later) -%}
    (extract(epoch from {{ later }} - {{ earlier }}) / 3600)
{%- endmacro %}
