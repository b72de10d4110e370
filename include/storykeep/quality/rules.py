"""What holds of every row of schema raw that is as agreed with the API. A row that breaks a rule goes into quarantine.

Only reasons leave this file, never what is in a row: `claim` is what people read of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from storykeep.causes import Cause


@dataclass(frozen=True)
class Rule:
    """`claim` holds of a row unless `broken`, a condition in SQL on the table's columns, is true of it.

    `is_bearable` when dbt copes with such a row, so that a person may let it in as it is.
    """

    claim: str
    broken: str
    is_bearable: bool = False


MEDIA_TYPES = ("IMAGE", "VIDEO", "CAROUSEL_ALBUM", "BROADCAST")
TEXTS = ("media_type", "permalink", "caption", "username")

KNOWN_ACCOUNT = Rule(
    "a row belongs to a known account",
    "account_id is not null and account_id not in (select account_id from app.accounts)",
)
NO_SECRET = Rule(
    "no secret of Meta's is kept",
    """payload::text ~ '"(access_token|appsecret_proof|client_secret)"'""",
    is_bearable=True,
)
# dbt leaves out what is no list and what is no count, and takes the rest.
METRICS = Rule(
    "a good reply is a list of metrics with names",
    "status = 'ok' and (jsonb_typeof(payload -> 'data') is distinct from 'array'"
    " or jsonb_path_exists(payload, '$.data[*] ? (!exists(@.name ? (@.type() == \"string\")))'))",
    is_bearable=True,
)
COUNTS = Rule(
    "a count is a whole number, not negative and of at most 15 digits",
    "status = 'ok' and jsonb_path_exists(payload, '$.data[*].**.value"
    ' ? (@.type() == "string" || @.type() == "boolean" || @ < 0 || @.floor() != @ || @ > 999999999999999)\')',
    is_bearable=True,
)

# Of posts and accounts, rates and averages are among them.
NUMBERS = Rule(
    "a value is a number, not negative and of at most 15 digits",
    "status = 'ok' and jsonb_path_exists(payload, '$.data[*].**.value"
    ' ? (@.type() == "string" || @.type() == "boolean" || @ < 0 || @ > 999999999999999)\')',
    is_bearable=True,
)


def _node(what: str, key: str) -> list[Rule]:
    """What holds of a story's or a post's node."""
    return [
        Rule(f"the id of a {what} is a number, as text", f"{key} !~ '^[0-9]+$'"),
        Rule(
            f"a {what} node says which {what} it is, as text",
            f"payload -> 'id' is distinct from to_jsonb({key})",
            is_bearable=True,
        ),
        Rule(
            f"a {what} node says when it was posted",
            "jsonb_typeof(payload -> 'timestamp') is distinct from 'string'"
            " or not pg_input_is_valid(payload ->> 'timestamp', 'timestamptz')",
        ),
        Rule(
            f"a {what} is of a known type",
            f"upper(payload ->> 'media_type') not in {_list(MEDIA_TYPES)}",
            is_bearable=True,
        ),
        Rule(
            f"the texts of a {what} are texts",
            " or ".join(f"jsonb_typeof(payload -> '{name}') not in ('string', 'null')" for name in TEXTS),
            is_bearable=True,
        ),
    ]


def _list(words: Sequence[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


def _moment(key: str) -> Rule:
    return Rule(
        f"{key} of an entry is a moment",
        f"payload ->> '{key}' is not null and not pg_input_is_valid(payload ->> '{key}', 'timestamptz')",
    )


RULES: dict[str, list[Rule]] = {
    "story_listings": [
        KNOWN_ACCOUNT,
        Rule(
            "a failed listing says why, in a known word",
            f"status = 'failed' and (cause is null or cause not in {_list(sorted(Cause))})",
        ),
        Rule(
            "a good listing names its stories",
            "status = 'ok' and jsonb_typeof(payload) is distinct from 'object'",
            is_bearable=True,
        ),
    ],
    "stories": [KNOWN_ACCOUNT, *_node("story", "story_id"), NO_SECRET],
    "story_insights": [KNOWN_ACCOUNT, METRICS, COUNTS, NO_SECRET],
    "media_files": [
        KNOWN_ACCOUNT,
        Rule(
            "an archived file has bytes and the name of its hash",
            "status = 'archived' and (size_bytes is null or size_bytes <= 0 or content_hash !~ '^[0-9a-f]+$'"
            " or length(content_hash) <> 64 or strpos(path, content_hash) = 0)",
            is_bearable=True,
        ),
    ],
    "media": [KNOWN_ACCOUNT, *_node("post", "media_id"), NO_SECRET],
    "media_insights": [KNOWN_ACCOUNT, METRICS, NUMBERS, NO_SECRET],
    "account_profiles": [
        KNOWN_ACCOUNT,
        Rule("a profile is an object", "jsonb_typeof(payload) is distinct from 'object'"),
        Rule(
            "a profile's counts are whole numbers, not negative",
            " or ".join(
                f"jsonb_path_exists(payload, '$.{name} ? (@.type() != \"number\" || @ < 0 || @.floor() != @)')"
                for name in ("followers_count", "follows_count", "media_count")
            ),
        ),
        NO_SECRET,
    ],
    "account_insights": [KNOWN_ACCOUNT, METRICS, NUMBERS, NO_SECRET],
    "audience": [KNOWN_ACCOUNT, METRICS, NUMBERS, NO_SECRET],
    "manual_entries": [
        KNOWN_ACCOUNT,
        Rule(
            "a story that was entered says whose it is and when it was posted",
            "kind in ('story_capture', 'creator_upload') and not is_withdrawn"
            " and (account_id is null or payload ->> 'posted_at' is null)",
        ),
        _moment("posted_at"),
        _moment("observed_at"),
        Rule(
            "the numbers of an entry are whole, not negative and of at most 15 digits",
            "jsonb_path_exists(payload, '$.metrics.*"
            ' ? (@.type() != "number" || @ < 0 || @.floor() != @ || @ > 999999999999999)\')',
        ),
    ],
}


def any_broken(rules: Sequence[Rule]) -> str:
    """The condition that a row breaks one of the rules, never null."""
    return " or ".join(f"({rule.broken}) is true" for rule in rules)
