"""What differs between two versions of a brand or campaign, line by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storykeep.campaigns.versions import Document, Kind

# An item of a document by what people call it ("" is the brand or campaign itself), with its fields.
Items = dict[str, dict[str, str]]

# The fields of brands and campaigns as a campaigns file has them.
ORDER = ("campaign_id", "brand_id", "name", "time_zone", "starts_at", "ends_at", "cost", "currency", "scope", "contact")
MOMENTS = ("starts_at", "ends_at", "from", "to", "due_at")
MARKS = {"hashtag": "#", "mention": "@", "link": ""}


@dataclass(frozen=True)
class Change:
    """What becomes, or became, of one brand or campaign. `lines` begin with + (added), - (removed) or ~ (changed)."""

    kind: Kind
    its_id: str
    is_new: bool
    lines: tuple[str, ...]


def change(
    kind: Kind, its_id: str, before: Document | None, after: Document, handles: Mapping[str, str]
) -> Change | None:
    """The change from a document to the next one; None when both say the same. `handles` are by account id."""
    lines = tuple(_lines(_items(before or {}, handles), _items(after, handles)))
    return Change(kind, its_id, before is None, lines) if lines else None


def told(document: Document, handles: Mapping[str, str]) -> list[str]:
    """All that a document says, line by line."""
    return [line.removeprefix("+ ") for line in _lines({}, _items(document, handles))]


def _lines(before: Items, after: Items) -> Iterator[str]:
    """The differences: whole items in one line, of others a line for each field."""
    for item in sorted({**before, **after}, key=_place):
        old, new = before.get(item), after.get(item)
        if item == "" or (old is not None and new is not None):
            yield from _fields(f"{item}: " if item else "", old or {}, new or {})
        elif new is not None:
            yield f"+ {_whole(item, new)}"
        elif old is not None:
            yield f"- {_whole(item, old)}"


def _place(item: str) -> tuple[int, str]:
    """The campaign's own fields first, then as in a campaigns file."""
    kinds = ("", "rule", "participant", "deliverable")
    return kinds.index(item.partition(" ")[0]), item


def _fields(prefix: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for field in {**old, **new}:
        if field not in old:
            yield f"+ {prefix}{field}: {new[field]}"
        elif field not in new:
            yield f"- {prefix}{field}: {old[field]}"
        elif old[field] != new[field]:
            yield f"~ {prefix}{field}: {old[field]} -> {new[field]}"


def _whole(item: str, fields: Mapping[str, str]) -> str:
    shown = ", ".join(f"{field} {value}" for field, value in fields.items())
    return f"{item}: {shown}" if shown else item


def _items(document: Document, handles: Mapping[str, str]) -> Items:
    """A document as people read it: handles for account ids, times in short, nothing for what is not known."""
    own = {field: document[field] for field in ORDER if field in document}
    items: Items = {"": _shown(own)} if own else {}
    for rule in document.get("rules", ()):
        items[f"rule {rule['kind']} {MARKS[rule['kind']]}{rule['value']}"] = {}
    for part in document.get("participants", ()):
        items[_once(f"participant {_who(part, handles)}", items)] = _shown(
            {"from": part["valid_from"], "to": part["valid_to"], "fee": part.get("fee")}
        )
    for one in document.get("deliverables", ()):
        by = {"by": _who(one, handles)} if one["account_id"] else {}
        rest = {field: one[field] for field in ("kind", "quantity", "due_at")}
        items[f"deliverable {one['deliverable_id']}"] = _shown(by | rest)
    return items


def _who(row: Mapping[str, Any], handles: Mapping[str, str]) -> str:
    return f"@{handles.get(row['account_id'], row['account_id'])}"


def _once(name: str, taken: Items) -> str:
    """The name, numbered when an account takes part a second time."""
    times = sum(item == name or item.startswith(f"{name} (") for item in taken)
    return f"{name} ({times + 1})" if times else name


def _shown(fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        field: f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC" if field in MOMENTS else str(value)
        for field, value in fields.items()
        if value is not None
    }
