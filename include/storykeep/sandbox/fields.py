"""The `fields` parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from storykeep.sandbox.errors import bad_parameter, unknown_field


@lru_cache(maxsize=1024)
def parse_fields(text: str) -> tuple[str, ...]:
    """The names at the top level of a field list; what is nested in braces or after dots is not kept.

    Raises:
        ApiError: unbalanced braces.
    """
    names, name, depth = [], "", 0
    for character in text + ",":
        depth += (character in "({") - (character in ")}")
        if character == "," and depth == 0:
            names.append(name.strip())
            name = ""
        else:
            name += character
    if depth:
        raise bad_parameter(f"Syntax error, unbalanced braces in fields: {text}")
    return tuple(re.split(r"[.({]", one, maxsplit=1)[0] for one in names if one)


def pick(fields: str | None, getters: Mapping[str, Callable[..., Any]], node: str, *subject: object) -> dict[str, Any]:
    """The asked fields of a node and always its id; a field without a value is left out.

    Raises:
        ApiError: a field that the node does not have.
    """
    body: dict[str, Any] = {}
    for name in parse_fields(fields or "id"):
        getter = getters.get(name)
        if getter is None:
            raise unknown_field(name, node)
        value = getter(*subject)
        if value is not None:
            body[name] = value
    body.setdefault("id", getters["id"](*subject))
    return body
