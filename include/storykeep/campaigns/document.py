"""Reads a campaigns file: YAML to checked brands and campaigns, and a clear fault for everything that will not do."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from storykeep.campaigns.parts import Brand, Campaign, Part
from storykeep.errors import StorykeepError


@dataclass(frozen=True)
class Document:
    """The good parts of a file with their places in it, and the faults of the others.

    `brand_ids` are all that the file names, those of faulty brands included.
    """

    brands: Mapping[str, Brand]
    campaigns: Mapping[str, Campaign]
    brand_ids: frozenset[str]
    faults: tuple[StorykeepError, ...]


def read_document(path: Path) -> Document:
    """Read and check a campaigns file. Whether its brands and accounts are known is left to the caller.

    Raises StorykeepError when the file cannot be read, is not YAML or has another shape.
    """
    top = _load(path)
    faults: list[StorykeepError] = []
    brands = list(_parts(Brand, "brand", path, top["brands"], faults))
    campaigns = list(_parts(Campaign, "campaign", path, top["campaigns"], faults))
    faults += _repeated(place for place, _ in (*brands, *campaigns))
    named = (item.get("brand_id") for item in top["brands"] if isinstance(item, dict))
    return Document(dict(brands), dict(campaigns), frozenset(str(name) for name in named), tuple(faults))


def _load(path: Path) -> dict[str, list[Any]]:
    """The two lists of the file; one that is left out is empty."""
    try:
        top = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        what, remedy = f"this file cannot be read ({error.strerror})", "check the path"
    except UnicodeDecodeError:
        what, remedy = "this file is not UTF-8", "save it as UTF-8"
    except yaml.YAMLError as error:
        what, remedy = f"this is not YAML: {' '.join(str(error).split())}", "mend that line"
    except ValueError as error:
        what, remedy = f"a value cannot be read ({error})", "check days and months of the times"
    else:
        if isinstance(top, dict) and set(top) <= {"brands", "campaigns"} and top:
            lists = {name: top.get(name) or [] for name in ("brands", "campaigns")}
            if all(isinstance(items, list) for items in lists.values()):
                return lists
        what, remedy = "this is no campaigns file", "write two lists at the top: brands and campaigns"
    raise StorykeepError(what, where=str(path), remedy=remedy)


P = TypeVar("P", bound=Part)


def _parts(
    kind: type[P], name: str, path: Path, items: Sequence[Any], faults: list[StorykeepError]
) -> Iterator[tuple[str, P]]:
    """Each good item of a list with its place; the faults of the others go into `faults`."""
    for number, item in enumerate(items):
        place = f"{path.name}: {_called(name, number, item)}"
        try:
            yield place, kind.model_validate(item)
        except ValidationError as error:
            faults += [_told(place, detail) for detail in error.errors(include_url=False)]


def _called(name: str, number: int, item: object) -> str:
    """How people find the item in the file: by its id or, without a usable one, by its number from 1 on."""
    its_id = item.get(f"{name}_id") if isinstance(item, dict) else None
    return f"{name} {its_id.strip()!r}" if isinstance(its_id, str) and its_id.strip() else f"{name} number {number + 1}"


REMEDIES = {
    "missing": "add it",
    "extra_forbidden": "correct its name or leave it out",
    "string_type": "write it as text, in quotes if it looks like something else",
    "tuple_type": "write it as a list",
    "model_type": "write it as keys with values",
    "string_pattern_mismatch": "three capital letters, such as EUR",
}


def _told(place: str, detail: ErrorDetails) -> StorykeepError:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).removeprefix(".")
    remedy = detail.get("ctx", {}).get("remedy") or REMEDIES.get(detail["type"], "correct it")
    value = detail["input"]
    shown = f" (it is {value!r})" if isinstance(value, str | int | float) and detail["type"] != "missing" else ""
    return StorykeepError(f"{detail['msg']}{shown}", where=f"{place}: {key}" if key else place, remedy=remedy)


def _repeated(places: Iterable[str]) -> list[StorykeepError]:
    return [
        StorykeepError(f"stands {times} times", where=place, remedy="keep one")
        for place, times in Counter(places).items()
        if times > 1
    ]
