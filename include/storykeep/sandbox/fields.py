"""The `fields` parameter: names, modifiers and what is nested in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from storykeep.sandbox.errors import bad_parameter

_NAME = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*")
_DEEPEST, _MOST = 4, 200


@dataclass(frozen=True, slots=True)
class Field:
    """One asked field, such as `media.limit(2){id,insights.metric(reach)}`.

    Args:
        name: the field or edge.
        modifiers: what stands after dots, by name.
        fields: what stands in braces, as written; None without braces.
    """

    name: str
    modifiers: Mapping[str, str] = field(default_factory=dict)
    fields: str | None = None

    @property
    def params(self) -> dict[str, str]:
        """The field as the parameters of a call of its own."""
        return {**self.modifiers, **({"fields": self.fields} if self.fields is not None else {})}


@lru_cache(maxsize=1024)
def parse_fields(text: str) -> tuple[Field, ...]:
    """The fields at the top level of a list.

    Raises:
        ApiError: it does not follow the grammar, or is too long.
    """
    reader = _Reader(text)
    found = []
    while True:
        found.append(reader.field())
        if reader.at_end():
            return tuple(found)
        if len(found) == _MOST:
            raise bad_parameter(f"Too many fields. Maximum: {_MOST}.")
        reader.expect(",")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._place = text, 0

    def at_end(self) -> bool:
        return self._place >= len(self._text)

    def expect(self, sign: str) -> None:
        if not self._text.startswith(sign, self._place):
            raise self._wrong()
        self._place += 1

    def field(self) -> Field:
        name, modifiers, nested = self._name(), {}, None
        while self._next() == ".":
            self.expect(".")
            modifier = self._name()
            modifiers[modifier] = self._enclosed("(", ")")
        if self._next() == "{":
            nested = self._enclosed("{", "}")
        return Field(name, modifiers, nested)

    def _next(self) -> str:
        return self._text[self._place : self._place + 1]

    def _name(self) -> str:
        match = _NAME.match(self._text, self._place)
        if match is None:
            raise self._wrong()
        self._place = match.end()
        return match[1]

    def _enclosed(self, opening: str, closing: str) -> str:
        """What stands between a bracket and its partner."""
        self.expect(opening)
        start, depth = self._place, 1
        while depth:
            sign = self._next()
            if not sign or depth > _DEEPEST:
                raise self._wrong()
            depth += (sign == opening) - (sign == closing)
            self._place += 1
        end = self._place - 1
        while self._next().isspace():
            self._place += 1
        return self._text[start:end].strip()

    def _wrong(self) -> Exception:
        return bad_parameter(f"Syntax error at character {self._place} of the fields: {self._text[:200]}")
