"""What must hold of connections after a hundred days: who died and why, and who was told of what, and when."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import psycopg
import requests
from pydantic import SecretStr

from soaking.checks import Check
from soaking.fates import Blow, Fates
from soaking.schedule import DAY
from storykeep.accounts.alerts import LADDER, Alert
from storykeep.accounts.connections import Held
from storykeep.accounts.states import CAPTURED, FINAL, TROUBLE, Reason, State, condition
from storykeep.settings import GraphSettings

SECONDS = 10
# What the journal calls the refusal of a token or of a permission.
REFUSALS = ("error_190", "error_10", "error_190_492")
BY_CLOCK = (Reason.TOKEN_EXPIRED, Reason.DATA_ACCESS_ENDED)


@dataclass(frozen=True)
class Probe:
    """A connection as it was held at a moment, and whether the API served its stories and insights then."""

    held: Held
    serves_stories: bool
    serves_insights: bool

    @classmethod
    def ask(cls, api: GraphSettings, held: Held, token: SecretStr) -> Self:
        """Ask with a plain request each."""
        secret = token.get_secret_value()
        proof = hmac.new(api.app_secret.get_secret_value().encode(), secret.encode(), hashlib.sha256).hexdigest()

        def is_served(edge: str, **params: str) -> bool:
            url = f"{api.base_url}/{api.version}/{held.ig_user_id}/{edge}"
            sent = {"appsecret_proof": proof, **params}
            headers = {"Authorization": f"Bearer {secret}"}
            return requests.get(url, params=sent, headers=headers, timeout=SECONDS).status_code == 200

        return cls(held, is_served("stories"), is_served("insights", metric="reach", period="day"))

    @property
    def fault(self) -> str | None:
        """How the status denies what the API says; None if it does not."""
        is_captured, is_whole = self.held.state in CAPTURED, self.held.state is not State.CONNECTED_NO_INSIGHTS
        if is_captured == self.serves_stories and (not is_captured or is_whole == self.serves_insights):
            return None
        served = " and ".join(["stories"] * self.serves_stories + ["insights"] * self.serves_insights) or "nothing"
        return f"{self.held.label} is {self.held.status} ({self.held.reason}), the API serves {served}"


@dataclass
class Chronicle:
    """What happened, in the order of time; `blows` with how the connection stood before."""

    watches: list[tuple[datetime, tuple[Alert, ...], Mapping[str, Held]]] = field(default_factory=list)
    captures: list[datetime] = field(default_factory=list)
    failures: list[tuple[datetime, str]] = field(default_factory=list)
    blows: list[tuple[datetime, Blow, Held]] = field(default_factory=list)
    sign_ins: list[tuple[datetime, str]] = field(default_factory=list)
    deaths: list[tuple[datetime, Held, Probe]] = field(default_factory=list)
    at_the_end: list[Probe] = field(default_factory=list)
    refused: list[tuple[datetime, str]] = field(default_factory=list)
    in_vain: list[str] = field(default_factory=list)
    calls: int = 0

    def take_calls(self, at: datetime, calls: Iterable[Mapping[str, Any]], standing: Mapping[str, Held]) -> None:
        """Take in what one run asked; `standing` is how the connections stood before it."""
        for call in calls:
            who = call["ig_user_id"]
            self.calls += 1
            if who in standing and standing[who].state in FINAL:
                self.in_vain.append(f"{call['endpoint']} of {standing[who].label} at {at:%d %b %H:%M}")
            if call["outcome"] in REFUSALS:
                self.refused.append((at, who))


def checks(chronicle: Chronicle, conn: psycopg.Connection, plan: Fates) -> list[Check]:
    """Everything that is promised of connections."""
    return [
        _true(chronicle, plan),
        _foreseen(chronicle),
        _steps_once(chronicle),
        _unforeseen(chronicle, plan),
        _back(chronicle),
        _with_reason(conn),
        Check("no call with a token that is known to be dead", chronicle.calls, tuple(chronicle.in_vain)),
        _failures(chronicle, plan),
    ]


def _true(chronicle: Chronicle, plan: Fates) -> Check:
    """At each death and at the end a status is what the API says; and only who is never renewed outlives a token."""
    probes = [probe for _, _, probe in chronicle.deaths] + chronicle.at_the_end
    lapsed = [
        f"{before.label} outlived a token that could be renewed, at {at:%d %b %H:%M}"
        for at, before, probe in chronicle.deaths
        if probe.held.why is Reason.TOKEN_EXPIRED and before.ig_user_id not in plan.stuck and _was_renewable(before)
    ]
    return Check(
        "no connection dies that the API would have let live, and none is taken to live that is dead",
        len(probes),
        (*(probe.fault for probe in probes if probe.fault), *lapsed),
    )


def _was_renewable(one: Held) -> bool:
    """Whether the token lived when the account connected."""
    return one.token_expires_at is None or one.token_expires_at > one.connected_at


def _foreseen(chronicle: Chronicle) -> Check:
    """Each death by a clock was told at every step that lay after its connection began to live, and in time."""
    told = {alert.key: at for at, alerts, _ in chronicle.watches for alert in alerts}
    every = chronicle.watches[1][0] - chronicle.watches[0][0]
    looked_at, wrong = 0, []
    for at, before, probe in chronicle.deaths:
        if probe.held.why not in BY_CLOCK:
            continue
        subject = "token" if probe.held.why is Reason.TOKEN_EXPIRED else "data_access"
        ends_at = before.token_expires_at if subject == "token" else before.data_access_expires_at
        looked_at += 1
        for step in LADDER:
            if ends_at is None or ends_at - step * DAY < _lives_since(chronicle, before, at):
                continue
            when = told.get((before.account_id, subject, str(step), ends_at))  # type: ignore[call-overload]
            if when is None or not ends_at - step * DAY <= when < ends_at - step * DAY + 2 * every:
                wrong.append(f"{before.label}, {subject} until {ends_at:%d %b %H:%M}: step {step} told at {when}")
    return Check("every death by a clock was told before it, at each step", looked_at, tuple(wrong))


def _lives_since(chronicle: Chronicle, one: Held, until: datetime) -> datetime:
    """Since when a connection has been captured without a break, as the runs of the watch saw it."""
    since = one.connected_at
    for at, _, standing in chronicle.watches:
        if at < until and standing[one.account_id].state not in CAPTURED:
            since = max(since, at)
    return since


def _steps_once(chronicle: Chronicle) -> Check:
    times = Counter(alert.key for _, alerts, _ in chronicle.watches for alert in alerts)
    return Check("each step is told once", len(times), tuple(f"{key}: {n} times" for key, n in times.items() if n > 1))


def _unforeseen(chronicle: Chronicle, plan: Fates) -> Check:
    """Each blow to a connection that was captured is told by the first run that could know of it."""
    looked_at, wrong = 0, []
    for at, blow, before in chronicle.blows:
        if before.state not in CAPTURED or before.why is Reason.MISSING_SCOPE:
            continue
        shown_at = _shown_at(chronicle, plan, at, blow, before)
        if shown_at is None:
            continue
        looked_at += 1
        deadline = next((run for run, _, _ in chronicle.watches if run >= shown_at), None)
        heard = [
            run
            for run, alerts, _ in chronicle.watches
            for alert in alerts
            if alert.account_id == before.account_id and blow.reason in alert.reason and run >= at
        ]
        if deadline is not None and (not heard or heard[0] > deadline):
            when = f"{heard[0]:%d %b %H:%M}" if heard else "never"
            wrong.append(f"{before.label}: {blow.reason} at {at:%d %b %H:%M}, seen {shown_at:%d %b %H:%M}, told {when}")
    return Check("every other death is told by the first run that can know of it", looked_at, tuple(wrong))


def _shown_at(chronicle: Chronicle, plan: Fates, at: datetime, blow: Blow, before: Held) -> datetime | None:
    """When the API first showed it: to an inspection of a facebook token, or as a refusal to anybody."""
    gone = [back for back, who in chronicle.sign_ins if who == blow.ig_user_id and back > at]
    shown = [when for when, who in chronicle.refused if who == blow.ig_user_id and when >= at]
    if before.login_flavour == "facebook" and not blow.faults:
        shown += [run for run, _, _ in chronicle.watches if run >= at and run not in plan.troubles]
    first = min(shown, default=None)
    return None if first is None or (gone and gone[0] <= first) else first


def _back(chronicle: Chronicle) -> Check:
    """The first run after a sign-in finds the connection alive."""
    wrong = []
    for at, who in chronicle.sign_ins:
        standing = next(standing for run, _, standing in chronicle.watches if run >= at)
        wrong += [
            f"{one.label} is {one.status} ({one.reason}) after its sign-in at {at:%d %b %H:%M}"
            for one in standing.values()
            if one.ig_user_id == who and one.state not in CAPTURED
        ]
    return Check("who signs in again is captured again", len(chronicle.sign_ins), tuple(wrong))


def _with_reason(conn: psycopg.Connection) -> Check:
    rows = conn.execute("select account_id, status, reason from app.connection_events").fetchall()
    return Check("each status has its reason, and words for it", len(rows), tuple(filter(None, map(_unworded, rows))))


def _unworded(row: tuple[str, str, str | None]) -> str | None:
    account_id, status, reason = row
    try:
        condition(State(status), Reason(reason) if reason else None)
    except (KeyError, ValueError):
        return f"{account_id}: {status} ({reason})"
    return None if reason or State(status) not in TROUBLE else f"{account_id}: {status} without a reason"


def _failures(chronicle: Chronicle, plan: Fates) -> Check:
    """The watch fails of itself only when the API is in trouble."""
    wrong = tuple(f"{at:%d %b %H:%M}: {what}" for at, what in chronicle.failures if at not in plan.troubles)
    return Check("the watch itself fails only while the API is in trouble", len(chronicle.watches), wrong)
