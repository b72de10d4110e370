"""Meta's `signed_request`: who removed the app or asks for deletion, proven by the app secret.

Two parts with a dot between, both base64url without padding: a signature, and the JSON that it is of, encoded.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from storykeep.errors import StorykeepError
from storykeep.graph.values import text_id
from storykeep.settings import Flavour, GraphSettings

ALGORITHM = "HMAC-SHA256"
# Characters. A real one has some hundred.
LONGEST = 8_192
# An older one may be somebody's replay: Meta sends it when it happens.
OLDEST = timedelta(hours=24)
# Meta's clock may be ahead of ours.
AHEAD = timedelta(minutes=5)
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_NOBODY = "0"


@dataclass(frozen=True)
class Signed:
    """Who it is about, at which app: a person by the id within the app, or a Page that removed the app."""

    flavour: Flavour
    user_id: str | None
    page_id: str | None

    @property
    def subject_id(self) -> str:
        """The id of whom it is about."""
        return self.user_id or self.page_id or ""


def verified(text: str, apps: Iterable[GraphSettings], now: datetime) -> Signed:
    """What a signed request says, as one of these apps was sent it.

    Raises StorykeepError, which quotes nothing of it, unless it is signed with the secret of one of them, issued within
    the last day, and about somebody.
    """
    shape = _SHAPE.fullmatch(text.strip()) if len(text) <= LONGEST else None
    if shape is None:
        raise _refused("it is not two parts of base64url with a dot between")
    signature, body = _bytes(shape[1]), _decoded(shape[2])
    # Before the signature is looked at: who may choose how it is checked may choose not at all.
    if body.get("algorithm") != ALGORITHM:
        raise _refused(f"its algorithm is not {ALGORITHM}")
    for app in apps:
        expected = hmac.digest(app.app_secret.get_secret_value().encode(), shape[2].encode(), "sha256")
        if hmac.compare_digest(signature, expected):
            _check_age(body.get("issued_at"), now)
            return _signed(app.flavour, body)
    raise _refused("it is not signed with the secret of an app that is set up")


def _decoded(part: str) -> dict[str, Any]:
    try:
        body = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise _refused("its second part is no JSON object")
    return body


def _bytes(part: str) -> bytes:
    """Strictly: one text for the same bytes, so that no other text passes for it."""
    try:
        content = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        content = None
    if content is None or base64.urlsafe_b64encode(content).rstrip(b"=").decode() != part:
        raise _refused("a part of it is no base64url")
    return content


def _check_age(issued_at: object, now: datetime) -> None:
    if not isinstance(issued_at, int) or isinstance(issued_at, bool) or not 0 < issued_at < 2**32:
        raise _refused("it does not say when it was issued")
    at = datetime.fromtimestamp(issued_at, UTC)
    if not now - OLDEST <= at <= now + AHEAD:
        raise _refused(f"it was issued at {at:%Y-%m-%d %H:%M:%S} UTC, which is not within the last 24 hours")


def _signed(flavour: Flavour, body: dict[str, Any]) -> Signed:
    user_id, page_id = text_id(body.get("user_id")), text_id(body.get("profile_id"))
    signed = Signed(flavour, None if user_id == _NOBODY else user_id, page_id)
    if not signed.subject_id:
        raise _refused("it names nobody")
    return signed


def _refused(why: str) -> StorykeepError:
    return StorykeepError(
        f"refused: {why}", where="signed_request", remedy="pass on what Meta sent, as it is and at once; else ignore it"
    )
