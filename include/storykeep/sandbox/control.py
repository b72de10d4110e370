"""The controls under /_sandbox/: clock, truth, log, journal, import files, faults, grants, dialog, switches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, get_args

from storykeep.clock import parse_time
from storykeep.errors import StorykeepError
from storykeep.sandbox import switchboard
from storykeep.sandbox.api import Api
from storykeep.sandbox.calls import Reply, read_json, to_json
from storykeep.sandbox.edges.dialog import KNOWN_SCOPES
from storykeep.sandbox.faults import Fault
from storykeep.sandbox.tokens import End, Event, TokenBook
from storykeep.sandbox.world.accounts import Account, Flavour, check_year
from storykeep.sandbox.world.accounts_file import accounts_csv
from storykeep.sandbox.world.campaigns import Campaign, campaigns_yaml
from storykeep.sandbox.world.sign_ins import Answer
from storykeep.sandbox.world.truth import truth

PREFIX = "/_sandbox/"
_JSON_TYPE = "application/json; charset=UTF-8"
_ROWS_AT_ONCE = 50  # some milliseconds of work


@dataclass(frozen=True)
class Stream:
    """A long reply, made and sent in parts."""

    content_type: str
    parts: Iterator[str]


Handler = Callable[[Mapping[str, str], bytes], Reply | Stream]


class Control:
    """What only a test, a demo or a benchmark may ask."""

    def __init__(self, api: Api, campaigns: tuple[Campaign, ...]) -> None:
        self._api = api
        self._routes: Mapping[tuple[str, str], Handler] = {
            ("GET", "clock"): lambda params, body: self._clock(),
            ("POST", "clock"): lambda params, body: self._set_clock(body),
            ("GET", "truth"): lambda params, body: self._truth(params),
            ("GET", "log"): lambda params, body: _json(api.log.report()),
            ("DELETE", "log"): lambda params, body: self._clear_log(),
            ("GET", "journal"): lambda params, body: self._journal(),
            ("POST", "journal"): lambda params, body: self._begin_journal(),
            ("DELETE", "journal"): lambda params, body: self._end_journal(),
            ("GET", "accounts.csv"): lambda params, body: self._accounts(),
            ("GET", "campaigns.yaml"): lambda params, body: Reply(200, campaigns_yaml(campaigns), "application/yaml"),
            ("GET", "faults"): lambda params, body: _json(api.faults.report()),
            ("POST", "faults"): lambda params, body: self._set_faults(body),
            ("DELETE", "faults"): lambda params, body: self._set_faults(b"[]"),
            ("POST", "grants"): lambda params, body: self._end_grants(body),
            ("DELETE", "grants"): lambda params, body: self._forget_grants(),
            ("GET", "dialog"): lambda params, body: self._dialog(),
            ("POST", "dialog"): lambda params, body: self._set_dialog(body),
            ("DELETE", "dialog"): lambda params, body: self._reset_dialog(),
            ("GET", "switches"): lambda params, body: _json(switchboard.report()),
            ("POST", "switches"): lambda params, body: self._set_switches(body),
            ("DELETE", "switches"): lambda params, body: self._reset_switches(),
        }

    def answer(self, method: str, path: str, params: Mapping[str, str], body: bytes) -> Reply | Stream:
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
        at = parse_time(str(change["now"]), where="/_sandbox/clock") if "now" in change else clock.now()
        advance, speed = _number(change, "advance", 0), _number(change, "speed", clock.speed)
        clock.set(at + timedelta(seconds=advance), speed)
        return self._clock()

    def _truth(self, params: Mapping[str, str]) -> Stream:
        at = parse_time(params["at"], where="/_sandbox/truth") if "at" in params else self._api.clock.now()
        check_year(at)
        return Stream(_JSON_TYPE, _object(truth(self._api.state.stories, self._tokens, at)))

    def _accounts(self) -> Stream:
        lines = accounts_csv(self._api.state.world, self._tokens)
        return Stream("text/csv; charset=utf-8", _joined(lines, ""))

    def _clear_log(self) -> Reply:
        self._api.log.clear()
        return _json(self._api.log.report())

    def _journal(self) -> Stream:
        return Stream(_JSON_TYPE, _object({"at": _iso(self._api.clock.now()), "calls": self._api.journal.rows()}))

    def _begin_journal(self) -> Reply:
        self._api.journal.begin()
        return _json({"calls": []})

    def _end_journal(self) -> Reply:
        self._api.journal.end()
        return _json({"calls": []})

    def _set_faults(self, body: bytes) -> Reply:
        self._api.faults.replace([Fault.read(item) for item in _read(body, list, "faults")])
        return _json(self._api.faults.report())

    @property
    def _tokens(self) -> TokenBook:
        return self._api.state.tokens

    def _end_grants(self, body: bytes) -> Reply:
        """Let something befall the tokens that an account has by now."""
        asked = _read(body, dict, "grants")
        if not asked.keys() <= {"ig_user_id", "event", "scopes"}:
            remedy = 'send "ig_user_id", and "event" or "scopes"'
            raise StorykeepError("not the end of a grant", where=f"{PREFIX}grants", remedy=remedy)
        account = self._account(asked.get("ig_user_id"), "grants")
        scopes = _scopes(asked.get("scopes", []), [account.flavour], "grants")
        event = asked.get("event", "permissions_withdrawn" if scopes else None)
        if event not in get_args(Event) or bool(scopes) != (event == "permissions_withdrawn"):
            remedy = f'send one of {", ".join(get_args(Event))} as "event", or a list of permissions as "scopes"'
            raise StorykeepError(f"no such event: {event!r}", where=f"{PREFIX}grants", remedy=remedy)
        self._tokens.end(account, End(event, self._api.clock.now(), scopes))
        rows = [{"event": end.event, "at": _iso(end.at), "scopes": end.scopes} for end in self._tokens.ends(account)]
        return _json({"ig_user_id": account.ig_user_id, "ends": rows})

    def _forget_grants(self) -> Reply:
        """Return to the world's first tokens."""
        self._tokens.forget()
        self._api.state.sign_ins.forget()
        self._api.state.subscriptions.forget()
        return self._dialog()

    def _dialog(self) -> Reply:
        return _json({flavour: asdict(answer) for flavour, answer in self._api.state.sign_ins.answers.items()})

    def _set_dialog(self, body: bytes) -> Reply:
        """Say who comes to the dialogs from now on, and what they do there."""
        asked = _read(body, dict, "dialog")
        refuse, ig_user_id = asked.get("refuse", False), asked.get("ig_user_id")
        if not asked.keys() <= {"ig_user_id", "declined", "refuse"} or not isinstance(refuse, bool):
            remedy = 'send "ig_user_id", "declined" or "refuse"'
            raise StorykeepError("no answer of a person", where=f"{PREFIX}dialog", remedy=remedy)
        flavours: tuple[Flavour, ...] = get_args(Flavour)
        if ig_user_id is not None:
            flavours = (self._account(ig_user_id, "dialog").flavour,)
        answer = Answer(ig_user_id, _scopes(asked.get("declined", []), flavours, "dialog"), refuse)
        self._api.state.sign_ins.answers.update(dict.fromkeys(flavours, answer))
        return self._dialog()

    def _reset_dialog(self) -> Reply:
        self._api.state.sign_ins.answers.update(dict.fromkeys(get_args(Flavour), Answer()))
        return self._dialog()

    def _account(self, ig_user_id: Any, name: str) -> Account:
        account = self._api.state.world.find(ig_user_id) if isinstance(ig_user_id, str) else None
        if account is None:
            remedy = 'send an "ig_user_id" of accounts.csv'
            raise StorykeepError(f"no such account: {ig_user_id!r}", where=f"{PREFIX}{name}", remedy=remedy)
        return account

    def _set_switches(self, body: bytes) -> Reply:
        switchboard.change(_read(body, dict, "switches"), where=f"{PREFIX}switches")
        return _json(switchboard.report())

    def _reset_switches(self) -> Reply:
        switchboard.reset()
        return _json(switchboard.report())


def _read(body: bytes, kind: type[Any], name: str) -> Any:
    try:
        value = read_json(body)
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise StorykeepError("not the expected JSON", where=f"{PREFIX}{name}", remedy=f"send a JSON {kind.__name__}")
    return value


def _scopes(value: Any, flavours: Iterable[Flavour], name: str) -> tuple[str, ...]:
    known = sorted(frozenset().union(*(KNOWN_SCOPES[flavour] for flavour in flavours)))
    if isinstance(value, list) and all(member in known for member in value):
        return tuple(value)
    what, remedy = f"no list of permissions: {value!r}", f"send a list of {', '.join(known)}"
    raise StorykeepError(what, where=f"{PREFIX}{name}", remedy=remedy)


def _number(change: Mapping[str, Any], name: str, default: float) -> float:
    value = change.get(name, default)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise StorykeepError(f"{name} cannot be {value!r}", where=f"{PREFIX}clock", remedy="send a number")


def _json(body: Any, status: int = 200) -> Reply:
    return Reply(status, to_json(body))


def _object(body: Mapping[str, Any]) -> Iterator[str]:
    """A JSON object in parts; its last member is a long list."""
    *short, (name, rows) = body.items()
    yield to_json(dict(short))[:-1] + f',"{name}":['
    yield from _joined(map(to_json, rows), ",")
    yield "]}"


def _joined(rows: Iterable[str], separator: str) -> Iterator[str]:
    """Rows in parts, with the separator between any two."""
    remaining, before = iter(rows), ""
    while some := list(islice(remaining, _ROWS_AT_ONCE)):
        yield before + separator.join(some)
        before = separator


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
