"""Renders a node: the asked fields, and edges that are asked for as fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from storykeep.sandbox.errors import unknown_field
from storykeep.sandbox.fields import parse_fields
from storykeep.sandbox.view import View
from storykeep.sandbox.world.accounts import Flavour

Getter = Callable[[View, Any], Any]


@dataclass(frozen=True)
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
    getters = kind.getters[view.call.host]
    body: dict[str, Any] = {}
    for field in parse_fields(fields or kind.defaults):
        getter = getters.get(field.name)
        if getter is not None:
            value = getter(view, subject)
        else:
            value = view.expand(view, subject, field)
            if value is None:
                raise unknown_field(field.name, kind.name)
        if isinstance(value, Node):
            value = render(view, value.kind, value.subject, field.fields)
        if value is not None:
            body[field.modifiers.get("as", field.name)] = value
    body.setdefault("id", getters["id"](view, subject))
    return body
