"""What the fields of a campaigns file may hold, and how each is brought to one form."""

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError

ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")
_LABEL = r"[^\W_](?:[\w-]*[^\W_])?"
LINK = re.compile(rf"(?:https?://)?(?:www\.)?(?P<host>{_LABEL}(?:\.{_LABEL})+)(?P<path>/[^\s?#\0]*)?", re.IGNORECASE)


def fault(what: str, remedy: str) -> PydanticCustomError:
    """What a validator raises: what is wrong with the value, and what to do."""
    return PydanticCustomError("storykeep", "{what}", {"what": what, "remedy": remedy})


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise fault("is empty or holds control characters", "write it in one line")
    return text.strip()


def _time(value: object) -> datetime:
    """A moment. YAML has read most of them already; a mere day is refused, since it says neither hour nor zone."""
    try:
        return parse_time(value if isinstance(value, str) and len(value) > len("2026-11-21") else _iso(value))
    except StorykeepError as error:
        raise fault(error.what, error.remedy) from None


def _iso(value: object) -> str:
    if not isinstance(value, datetime):
        raise StorykeepError("is not a moment in time", remedy="write it like 2026-11-21T10:15:00Z, with the hour")
    return value.isoformat()


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise fault(f"{name!r} is no time zone", "use an IANA name such as Europe/Berlin")
    return name


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text.strip()):
        raise fault(f"{text!r} is no e-mail address", "write one, such as ida@brand.example, or leave it out")
    return text.strip()


def _handle(username: str) -> str:
    return _text(username).removeprefix("@").lower()


def word(text: str) -> str:
    """A hashtag or handle as captions are compared with it: NFKC (no full-width #), lower case, without its mark."""
    value = unicodedata.normalize("NFKC", text).strip().lstrip("#@").lower()
    if not value or any(sign.isspace() or sign in "#@\0" for sign in value):
        raise fault(f"{text!r} is not one hashtag or handle", "one word, with or without its # or @, in quotes")
    return value


def link(text: str) -> str:
    """A host, lower case and without www., and the path below which links count, if any; as links are compared."""
    parts = LINK.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if not parts:
        raise fault(f"{text!r} is no host with or without a path", "write it like lumen.example/glow, without ? and #")
    return parts["host"].lower() + (parts["path"] or "").rstrip("/")


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise fault("is not a number", "write it as a number")
    return value


Text = Annotated[str, AfterValidator(_text)]
Time = Annotated[datetime, BeforeValidator(_time)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Address = Annotated[str, AfterValidator(_address)]
Handle = Annotated[str, AfterValidator(_handle)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Money = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=2, allow_inf_nan=False), BeforeValidator(_no_flag)]
Quantity = Annotated[int, Field(ge=1, le=10_000, strict=True)]
