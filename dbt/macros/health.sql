{# The states in which an account is captured, and those of which a person must be told: the sets CAPTURED and TROUBLE
   of storykeep.accounts.states. #}
{% macro connected_states() -%}
    'connected', 'expiring', 'connected_no_insights'
{%- endmacro %}
{% macro trouble_states() -%}
    'connected_no_insights', 'expired', 'data_access_ended', 'revoked', 'needs_action'
{%- endmacro %}


{# What `health` says, in the order of its rules. #}
{% macro healths() -%}
    {{ return(["in_trouble", "not_connected", "resting", "healthy", "starting", "stale"]) }}
{%- endmacro %}


{# Capture has gone stale after an hour without a good listing, or after two listings due where these are longer. #}
{% macro stale_after() -%}
    interval '{{ [3600, 2 * (var("list_every_seconds") | int)] | max }} seconds'
{%- endmacro %}


{# How an account stands at a moment, by what was captured of it and not by its token alone. A listing from before
   `captured_since`, when it came to be captured, is no proof. #}
{% macro health(status, mode, captured_since, last_good_at, moment) -%}
    case
        when {{ status }} in ({{ trouble_states() }}) then 'in_trouble'
        when {{ status }} not in ({{ connected_states() }}) then 'not_connected'
        when {{ mode }} <> 'automatic' then 'resting'
        when {{ last_good_at }} >= greatest({{ captured_since }}, {{ moment }} - {{ stale_after() }}) then 'healthy'
        when {{ captured_since }} >= {{ moment }} - {{ stale_after() }} then 'starting'
        else 'stale'
    end
{%- endmacro %}
