"""Reads the pages of a list of media nodes: what is on them, and which page comes next."""

import json
import re
from datetime import datetime
from typing import Any

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError
from storykeep.graph import endpoints
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import GraphError, UnreadableError
from storykeep.graph.paging import has_more
from storykeep.landing import payload
from storykeep.landing.payload import UnlandableError

# The error code of "Please reduce the amount of data you're asking for", and of failures that nobody explains.
TOO_MUCH = 1

# What dbt and Postgres can read too; anything else would stop the builds of all accounts.
_ID = re.compile("[0-9]{1,30}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:?[0-9]{2})")


def following(answer: Answer, error: GraphError | None) -> Ask | None:
    """The page to be asked for next, which is the same with fewer rows when that one was too much for the API."""
    if error is None:
        return endpoints.next_page(answer.ask, answer.body)
    return endpoints.smaller(answer.ask) if error.code == TOO_MUCH else None


def cut_short(answer: Answer) -> UnreadableError | None:
    """The error of a list that goes on and yet has no next page; None for one that is at its end."""
    if has_more(answer.body):
        return UnreadableError("the listing goes on, but its pages lead nowhere new", raw=answer.raw)
    return None


def nodes(raw: bytes) -> list[Any]:
    """The nodes of a page. Raises UnlandableError when it is none."""
    body = payload.decode(raw)
    found = body.get("data") if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise UnlandableError("the reply has no list 'data'")
    return found


def identity(node: Any, what: str) -> tuple[str, datetime]:
    """The id of a media node and when it was posted. Raises UnlandableError, which calls the node `what`."""
    if not isinstance(node, dict) or not _ID.fullmatch(str(node.get("id"))):
        raise UnlandableError(f"a {what} without a decimal id")
    text = str(node.get("timestamp"))
    try:
        return str(node["id"]), parse_time(text if _TIME.fullmatch(text) else "")
    except (StorykeepError, OverflowError):
        raise UnlandableError(f"{what} {node['id']}: the timestamp {text!r} is not a time") from None


def as_bytes(node: Any) -> bytes:
    """A node that cannot land, as it is kept among the dead letters."""
    return json.dumps(node).encode()
