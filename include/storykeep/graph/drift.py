"""Finds in replies what is not known: new fields, metrics and values, by which a change at Meta shows first.

Nothing is refused for it. Replies are kept as they came, and whoever runs Storykeep is told.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from storykeep.graph.fields import STORY_FIELDS, media_fields
from storykeep.graph.metrics import BREAKDOWN_VALUES, FIELD_VALUES, KNOWN_METRICS, is_known
from storykeep.settings import FLAVOURS

LONGEST_NAME = 60
_STORY_FIELDS = frozenset(STORY_FIELDS.split(","))
_POST_FIELDS = frozenset(field for flavour in FLAVOURS for field in media_fields("FEED", flavour).split(","))


def of_stories(body: Any) -> set[str]:
    """What is not known in a list of stories, such as "stories: media_type HOLOGRAM"."""
    return {f"stories: {what}" for node in _items(body) for what in _of_node(node, _STORY_FIELDS)}


def of_posts(body: Any) -> set[str]:
    """What is not known in a list of posts, such as "posts: media_product_type THREAD"."""
    return {f"posts: {what}" for node in _items(body) for what in _of_node(node, _POST_FIELDS)}


def of_insights(body: Any) -> set[str]:
    """What is not known in the insights of a story, post or account, such as "insights: metric dwell_time"."""
    return {f"insights: {what}" for item in _items(body) for what in _of_metric(item)}


def _of_node(node: Mapping[str, Any], known_fields: frozenset[str]) -> Iterator[str]:
    for name, value in node.items():
        if name not in known_fields:
            yield f"field {_printable(name)}"
        elif not is_known(FIELD_VALUES, name, str(value)):
            yield f"{name} {_printable(str(value).upper())}"


def _of_metric(item: Mapping[str, Any]) -> Iterator[str]:
    name = item.get("name")
    if isinstance(name, str) and name not in KNOWN_METRICS:
        yield f"metric {_printable(name)}"
    total = item.get("total_value")
    for breakdown in _dicts(total.get("breakdowns") if isinstance(total, dict) else None):
        for result in _dicts(breakdown.get("results")):
            pairs = zip(_list(breakdown.get("dimension_keys")), _list(result.get("dimension_values")), strict=False)
            for key, value in pairs:
                if not is_known(BREAKDOWN_VALUES, str(key), str(value)):
                    yield f"{key} {_printable(str(value).upper())}"


def _items(body: Any) -> Iterator[dict[str, Any]]:
    return _dicts(body.get("data") if isinstance(body, dict) else None)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in _list(value) if isinstance(item, dict))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _printable(text: str) -> str:
    """A name that Meta gave, fit for a log line and a key."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:LONGEST_NAME])
