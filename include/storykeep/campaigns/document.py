"""Reads a campaigns file: YAML to checked brands and campaigns, and a clear fault for everything that will not do."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError

ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")


def _fault(what: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("storykeep", "{what}", {"what": what, "remedy": remedy})


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise _fault("is empty or holds control characters", "write it in one line")
    return text.strip()


def _time(value: object) -> datetime:
    """A moment. YAML has read most of them already; a mere day is refused, since it says neither hour nor zone."""
    try:
        return parse_time(value if isinstance(value, str) and len(value) > len("2026-11-21") else _iso(value))
    except StorykeepError as error:
        raise _fault(error.what, error.remedy) from None


def _iso(value: object) -> str:
    if not isinstance(value, datetime):
        raise StorykeepError("is not a moment in time", remedy="write it like 2026-11-21T10:15:00Z, with the hour")
    return value.isoformat()


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise _fault(f"{name!r} is no time zone", "use an IANA name such as Europe/Berlin")
    return name


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text.strip()):
        raise _fault(f"{text!r} is no e-mail address", "write one, such as ida@brand.example, or leave it out")
    return text.strip()


def _handle(username: str) -> str:
    return username.strip().removeprefix("@").lower()


def _rule_value(text: str) -> str:
    """A hashtag or handle as captions are compared with it: NFKC (no full-width #), lower case, without its mark."""
    value = unicodedata.normalize("NFKC", text).strip().lstrip("#@").lower()
    if not value or any(sign.isspace() or sign in "#@" for sign in value):
        raise _fault(f"{text!r} is not one hashtag or handle", "one word, with or without its # or @, in quotes")
    return value


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise _fault("is not a number", "write the cost as a number")
    return value


Text = Annotated[str, AfterValidator(_text)]
Time = Annotated[datetime, BeforeValidator(_time)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Cost = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2, allow_inf_nan=False), BeforeValidator(_no_flag)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Brand(_Part):
    """Who pays for campaigns. Days are cut in its time zone; `contact` is told of the trouble of its creators."""

    brand_id: Text
    name: Text
    time_zone: Annotated[str, AfterValidator(_time_zone)]
    currency: Currency
    contact: Annotated[str, AfterValidator(_address)] | None = None


class Rule(_Part):
    """What in a caption ties a story to a campaign; `value` is lower case and without # or @."""

    kind: Literal["hashtag", "mention"]
    value: Annotated[str, AfterValidator(_rule_value)]


class Participant(_Part):
    """An account's part in a campaign, from (inclusive) to (exclusive)."""

    username: Annotated[str, AfterValidator(_handle)]
    valid_from: Time = Field(alias="from")
    valid_to: Time = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        return _refuse_backwards(self, "from", self.valid_from, "to", self.valid_to)


class Campaign(_Part):
    """A brand's campaign from its start (inclusive) to its end (exclusive). Without rules every story counts."""

    campaign_id: Text
    brand_id: Text
    name: Text
    starts_at: Time
    ends_at: Time
    cost: Cost | None = None
    currency: Currency
    rules: tuple[Rule, ...] = ()
    participants: tuple[Participant, ...]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        return _refuse_backwards(self, "starts_at", self.starts_at, "ends_at", self.ends_at)

    @model_validator(mode="after")
    def _once(self) -> Self:
        rules = Counter(f"{rule.kind} {rule.value}" for rule in self.rules)
        for rule, times in rules.items():
            if times > 1:
                raise _fault(f"the rule {rule} stands {times} times", "keep it once")
        by_start = sorted(self.participants, key=lambda one: (one.username, one.valid_from))
        for one, following in pairwise(by_start):
            if one.username == following.username and following.valid_from < one.valid_to:
                raise _fault(f"the times of participant @{one.username} overlap", "make them one, or keep them apart")
        return self


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


P = TypeVar("P", bound=_Part)


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


def _refuse_backwards(part: P, first: str, start: datetime, last: str, end: datetime) -> P:
    if start >= end:
        raise _fault(f"{first} is not before {last}", f"{last} is exclusive and later than {first}")
    return part
