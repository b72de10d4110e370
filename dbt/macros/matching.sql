{# Text as it is compared: compatibility forms made one, as full-width letters and signs are, letters in one case, and
   without the signs that nobody sees. Captions are in every language: their letters and cases are Unicode's, not those
   of the server's locale. #}
{% macro folded(text) -%}
    translate(
        lower(upper(normalize({{ text }}, nfkc) collate pg_c_utf8)),
        u&'\00AD\200B\200C\200D\200E\200F\2060\FEFF',
        ''
    )
{%- endmacro %}


{# A folded address without what may be written or not: its scheme, www. and a slash at its end. #}
{% macro bare_link(link) -%}
    regexp_replace({{ link }}, '^(https?://)?(www\.)?|/+$', '', 'g')
{%- endmacro %}


{# The sign in front of what a rule of this kind asks for. #}
{% macro rule_sign(kind) -%}
    case {{ kind }} when 'hashtag' then '#' when 'mention' then '@' else '' end
{%- endmacro %}


{# Pattern of a hashtag or mention as a whole word, or of a link to this address or below it. A hashtag may follow
   another without a space. A dot inside a handle or host belongs to it, one at its end does not. #}
{% macro rule_pattern(kind, value) -%}
    case {{ kind }}
        when 'hashtag' then '(?<!\w)(#\w+)*#' || {{ regexp_escaped(value) }} || '(?!\w)'
        when 'mention' then '(?<![\w.])@' || {{ regexp_escaped(value) }} || '(?!\.?\w)'
        when 'link' then '(^|://|[^\w.@/-])(www\.)?' || {{ regexp_escaped(value) }} || '(?!-|\.?\w)'
    end
{%- endmacro %}


{% macro regexp_escaped(value) -%}
    regexp_replace({{ value }}, '([^[:alnum:]_])', '\\\1', 'g')
{%- endmacro %}


{# How many letters may be wrong for one word to be taken for the other: a short one would be like too many. #}
{% macro letters_forgiven(word) -%}
    case when length({{ word }}) < 3 then 0 when length({{ word }}) <= 5 then 1 else 2 end
{%- endmacro %}


{# Whether two words can be so few letters off each other at all, told without going through them letter by letter: each
   wrong letter changes the length by one at most, and brings one letter at most that the other word has not. #}
{% macro may_be_letters_off(one, other, letters) -%}
    abs(length({{ one }}) - length({{ other }})) <= {{ letters }}
    and length(translate({{ one }}, {{ other }}, '')) <= {{ letters }}
    and length(translate({{ other }}, {{ one }}, '')) <= {{ letters }}
{%- endmacro %}


{# In how many letters two words differ: the least number of letters to add, to drop, to replace or to swap with their
   neighbour in order to make one out of the other. Row after row of the usual table: `distances` says how far the first
   letters of `one` are from the first 0, 1, 2 ... letters of `other`. #}
{% macro letters_off(one, other) -%}
    (
        with recursive

        distances as (

            select
                0 as letters,
                array(select generate_series(0, length({{ other }}))) as distances,
                null::integer[] as distances_before
            union all
            select
                letters + 1,
                array(
                    -- Letters of the other may be added to any of the ways that led here.
                    select place + min(way - place) over (order by place)
                    from (
                        select
                            place,
                            least(
                                distances[place + 1] + 1,
                                distances[place]
                                + (substr({{ one }}, letters + 1, 1) <> substr({{ other }}, place, 1))::integer,
                                case
                                    when
                                        letters > 0 and place > 1
                                        and substr({{ one }}, letters, 1) = substr({{ other }}, place, 1)
                                        and substr({{ one }}, letters + 1, 1) = substr({{ other }}, place - 1, 1)
                                        then distances_before[place - 1] + 1
                                end
                            ) as way
                        from generate_series(0, length({{ other }})) as places (place)
                    ) as ways
                    order by place
                ),
                distances
            from distances
            where letters < length({{ one }})

        )

        select distances[length({{ other }}) + 1]
        from distances
        where letters = length({{ one }})
    )
{%- endmacro %}


{# Who decided, and when, as evidence. #}
{% macro told_by(what, author, moment) -%}
    '{{ what }} by ' || {{ author }} || ' at ' || to_char({{ moment }} at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
{%- endmacro %}
