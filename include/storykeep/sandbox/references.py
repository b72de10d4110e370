"""References of one batch item to the reply of another: `{result=name:$.data.*.id}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from storykeep.sandbox.calls import Reply, read_json
from storykeep.sandbox.errors import bad_parameter, dependency_failed

_REFERENCE = re.compile(r"\{result=([^:{}]+):\$((?:\.[\w*]+|\[(?:\d+|\*)\])*)\}")
_STEP = re.compile(r"\w+|\*")


def names_in(text: str) -> list[str]:
    """The items that a text refers to."""
    return [match[1] for match in _REFERENCE.finditer(text)] if "{result=" in text else []


def fill(text: str, replies: Mapping[str, Reply]) -> str:
    """The text with each reference replaced by the values it finds, joined by commas.

    Raises:
        ApiError: a reference finds nothing, or a reply that cannot be read.
    """
    return _REFERENCE.sub(lambda match: _values(replies[match[1]], match[2]), text) if "{result=" in text else text


def _values(reply: Reply, path: str) -> str:
    try:
        found = [read_json(reply.body)]
    except ValueError:
        raise dependency_failed() from None
    for step in _STEP.findall(path):
        found = [value for one in found for value in _step(one, step)]
    if not found:
        raise bad_parameter(f"The JSONPath expression ${path} found nothing")
    return quote(",".join(str(value) for value in found), safe=",")


def _step(value: Any, step: str) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if step == "*" else [value[step]] if step in value else []
    if isinstance(value, list):
        if step == "*":
            return value
        return [value[int(step)]] if step.isdecimal() and int(step) < len(value) else []
    return []
