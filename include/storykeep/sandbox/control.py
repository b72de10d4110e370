"""The control endpoints under /_sandbox/: clock, truth, log, import files, faults."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError
from storykeep.sandbox.api import Api
from storykeep.sandbox.calls import Reply, to_json
from storykeep.sandbox.faults import Fault
from storykeep.sandbox.world.campaigns import Campaign, campaigns_yaml
from storykeep.sandbox.world.truth import truth

PREFIX = "/_sandbox/"
_COLUMNS = (
    "login_flavour",
    "ig_user_id",
    "username",
    "access_token",
    "token_expires_at",
    "data_access_expires_at",
    "page_id",
    "page_access_token",
    "creator",
)


class Control:
    """What only a test, a demo or a benchmark may ask."""

    def __init__(self, api: Api, campaigns: tuple[Campaign, ...]) -> None:
        self._api, self._campaigns = api, campaigns
        self._routes: Mapping[tuple[str, str], Callable[[Mapping[str, str], bytes], Reply]] = {
            ("GET", "clock"): lambda params, body: self._clock(),
            ("POST", "clock"): lambda params, body: self._set_clock(body),
            ("GET", "truth"): lambda params, body: self._truth(params),
            ("GET", "log"): lambda params, body: _json(api.log.report()),
            ("DELETE", "log"): lambda params, body: self._clear_log(),
            ("GET", "accounts.csv"): lambda params, body: Reply(200, accounts_csv(api), "text/csv; charset=utf-8"),
            ("GET", "campaigns.yaml"): lambda params, body: Reply(200, campaigns_yaml(campaigns), "application/yaml"),
            ("GET", "faults"): lambda params, body: _json(api.faults.report()),
            ("POST", "faults"): lambda params, body: self._set_faults(body),
            ("DELETE", "faults"): lambda params, body: self._set_faults(b"[]"),
        }

    def answer(self, method: str, path: str, params: Mapping[str, str], body: bytes) -> Reply:
        """The reply to a control request; a bad one gets 400 with one clear message."""
        handler = self._routes.get((method, path.removeprefix(PREFIX)))
        if handler is None:
            return _json({"error": f"no such control: {method} {path}"}, 404)
        try:
            return handler(params, body)
        except StorykeepError as error:
            return _json({"error": str(error)}, 400)
        except (OverflowError, ValueError) as error:
            return _json({"error": f"out of range: {error}"}, 400)

    def _clock(self) -> Reply:
        return _json({"now": _iso(self._api.clock.now()), "speed": self._api.clock.speed})

    def _set_clock(self, body: bytes) -> Reply:
        change, clock = _read(body, dict, "clock"), self._api.clock
        if not change or not change.keys() <= {"now", "advance", "speed"}:
            raise StorykeepError("nothing to set", where="/_sandbox/clock", remedy='send "now", "advance" or "speed"')
        advance, speed = (_number(change, name) for name in ("advance", "speed"))
        if speed is not None:
            clock.run_at(speed)
        if "now" in change:
            clock.set(parse_time(str(change["now"]), where="/_sandbox/clock"))
        if advance is not None:
            clock.advance(timedelta(seconds=advance))
        return self._clock()

    def _truth(self, params: Mapping[str, str]) -> Reply:
        at = parse_time(params["at"], where="/_sandbox/truth") if "at" in params else self._api.clock.now()
        return _json(truth(self._api.state.stories, self._api.state.tokens, at))

    def _clear_log(self) -> Reply:
        self._api.log.clear()
        return _json(self._api.log.report())

    def _set_faults(self, body: bytes) -> Reply:
        self._api.faults.replace([Fault.read(item) for item in _read(body, list, "faults")])
        return _json(self._api.faults.report())


def accounts_csv(api: Api) -> str:
    """Every account as `storykeep accounts import` reads it; no consent is an empty token."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for account in api.state.world.accounts():
        grant, page = api.state.tokens.first(account), api.state.tokens.page(account)
        writer.writerow(
            (
                account.flavour,
                account.ig_user_id,
                account.username,
                grant.token if grant else "",
                _iso(grant.expires_at) if grant else "",
                _iso(grant.data_access_expires_at) if grant else "",
                account.page_id if page else "",
                page.token if page else "",
                account.creator,
            )
        )
    return text.getvalue()


def _read(body: bytes, kind: type[Any], name: str) -> Any:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise StorykeepError("not the expected JSON", where=f"{PREFIX}{name}", remedy=f"send a JSON {kind.__name__}")
    return value


def _number(change: Mapping[str, Any], name: str) -> float | None:
    value = change.get(name)
    if value is None or (isinstance(value, int | float) and (value >= 0 or name == "advance")):
        return value
    raise StorykeepError(f"{name} cannot be {value!r}", where=f"{PREFIX}clock", remedy="send a number")


def _json(body: Any, status: int = 200) -> Reply:
    return Reply(status, to_json(body))


def _iso(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at is not None else ""
