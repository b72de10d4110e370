"""Renders a node: the asked fields, and edges that are asked for as fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from storykeep.sandbox.errors import unknown_field
from storykeep.sandbox.fields import Field, parse_fields
from storykeep.sandbox.view import View
from storykeep.sandbox.world.accounts import Flavour

Getter = Callable[[View, Any], Any]


def absent(*names: str) -> dict[str, Getter]:
    """Fields that a node knows and never has a value for."""
    return {name: lambda view, subject: None for name in names}


@dataclass(frozen=True, eq=False)
class NodeKind:
    """What nodes of one type have.

    Args:
        name: the type, as errors call it.
        getters: the value of each field, by host; None is no value.
        defaults: what a node shows when no fields are asked for.
    """

    name: str
    getters: Mapping[Flavour, Mapping[str, Getter]]
    defaults: str = "id"


@dataclass(frozen=True, slots=True)
class Node:
    """The value of a field that is a node itself."""

    kind: NodeKind
    subject: Any


def render(view: View, kind: NodeKind, subject: Any, fields: str | None) -> dict[str, Any]:
    """The asked fields of a node and always its id; a field without a value is left out.

    Raises:
        ApiError: a field that the node does not have, or whatever an expanded edge answers.
    """
    body: dict[str, Any] = {}
    for name, getter, field in _plan(kind, view.call.host, fields or kind.defaults):
        value = getter(view, subject) if getter is not None else _edge(view, kind, subject, field)
        if isinstance(value, Node):
            value = render(view, value.kind, value.subject, field.fields)
        if value is not None:
            body[name] = value
    if "id" not in body:
        body["id"] = kind.getters[view.call.host]["id"](view, subject)
    return body


@lru_cache(maxsize=1024)
def _plan(kind: NodeKind, host: Flavour, fields: str) -> tuple[tuple[str, Getter | None, Field], ...]:
    """What a list of fields comes to: the name of each in the body, its getter (None for an edge), and itself."""
    getters = kind.getters[host]
    return tuple(
        (field.modifiers.get("as", field.name), getters.get(field.name), field) for field in parse_fields(fields)
    )


def _edge(view: View, kind: NodeKind, subject: Any, field: Field) -> Any:
    body = view.expand(view, subject, field)
    if body is None:
        raise unknown_field(field.name, kind.name)
    return body
