"""What goes wrong in a soak and when: a pure function of seed, span and accounts.

Trouble of everybody takes an hour of the day each, so that two kinds never meet and a loss has one cause; trouble of
single accounts falls where it falls.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from storykeep.causes import Cause

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = 5 * MINUTE
OUTAGE = 6 * HOUR
# What capture asks for: sign-ins go on working.
READ = ("stories", "insights", "node", "batch")
# How long a throttled account is told to wait, and how long the engine lets an app rest that is told nothing.
WAIT, APP_REST = 30 * MINUTE, 15 * MINUTE
DEATHS = ("revoked", "password_changed", "logged_out", "checkpointed", "unconfirmed", "expired")
SCOPES = {
    "facebook": ("instagram_manage_insights", "instagram_basic"),
    "instagram": ("instagram_business_manage_insights", "instagram_business_basic"),
}
# Shares of the accounts, each day.
THROTTLED, DYING, WITHDRAWING = 0.03, 0.003, 0.002
# One tick in so many is killed, or run twice at once.
KILLED_ONE_IN, TWICE_ONE_IN = 12, 16
# A tick has at least some ten steps, and with many accounts some hundred.
MOST_STEPS = 120

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Spell:
    """A stretch of trouble, `until` not included.

    `causes` are those under which a loss of this time may be told, none if it costs no reading; `ig_user_id` whose
    trouble it is, None for everybody's. The sandbox is told the `faults` and the `grant`; what a grant lost is given
    back by a sign-in at the end, if there is one.
    """

    kind: str
    since: datetime
    until: datetime | None
    causes: frozenset[Cause]
    ig_user_id: str | None = None
    faults: tuple[Told, ...] = ()
    grant: Told | None = None

    def touches(self, since: datetime, until: datetime) -> bool:
        """Whether some of it lies between two moments."""
        return self.since < until and (self.until is None or since < self.until)


@dataclass(frozen=True)
class Kill:
    """The process of a shard dies at its step number `step`; `again` says whether it is run again at the same time."""

    shard: int
    step: int
    again: bool


@dataclass(frozen=True)
class Moment:
    """What befalls the grant of an account, in the words of the sandbox; None when its creator signs in again."""

    at: datetime
    ig_user_id: str
    loses: Told | None = None


@dataclass(frozen=True)
class Schedule:
    """All that is to happen. `kills` and `twice` are by the time of a tick; of the latter the value is the shard."""

    spells: tuple[Spell, ...]
    kills: Mapping[datetime, Kill]
    twice: Mapping[datetime, int]

    def is_out(self, at: datetime) -> bool:
        """Whether we are down, so that there is no tick."""
        return any(spell.kind == "our outage" and spell.touches(at, at + MINUTE) for spell in self.spells)

    def moments(self) -> list["Moment"]:
        """When an account loses token or permission, and when its creator signs in again, in the order of time."""
        found = []
        for spell in self.spells:
            if spell.grant is not None and spell.ig_user_id is not None:
                found.append(Moment(spell.since, spell.ig_user_id, spell.grant))
                found += [Moment(spell.until, spell.ig_user_id)] if spell.until else []
        return sorted(found, key=lambda moment: (moment.at, moment.ig_user_id))

    def faults(self, at: datetime) -> list[Told]:
        """What the sandbox is to do wrong at a moment."""
        return [fault for spell in self.spells if spell.touches(at, at + MINUTE) for fault in spell.faults]


@dataclass(frozen=True)
class Account:
    """Whom trouble may befall."""

    ig_user_id: str
    flavour: str


def schedule(seed: int, start: datetime, span: timedelta, accounts: Sequence[Account], shards: int) -> Schedule:
    """The trouble of `span` from `start` on; the same arguments make the same schedule."""
    rng = Random(f"soak {seed}")
    spells: list[Spell] = []
    ours = start + _whole_hours(span * 0.55)
    spells.append(_everybody("our outage", ours, OUTAGE, Cause.OUR_OUTAGE))
    gone = start + _whole_hours(span * 0.3)
    down = tuple({"kind": "html_503", "endpoint": endpoint} for endpoint in (*READ, "cdn"))
    spells.append(_everybody("API outage", gone, HOUR, Cause.API_UNREACHABLE, down))
    # Nobody loses a token or a permission twice.
    whole = iter(rng.sample(accounts, len(accounts)))
    for day in range(max(1, span // DAY)):
        since = start + day * DAY
        spells += _of_everybody(rng, since, day, [spell for spell in spells if spell.ig_user_id is None])
        spells += _throttled(rng, since, accounts)
        spells += _bereft(rng, since, start + span, accounts, whole)
    ticks = [start + tick * TICK for tick in range(1, span // TICK)]
    running = [at for at in ticks if not ours <= at < ours + OUTAGE]
    return Schedule(
        tuple(sorted(spells, key=lambda spell: (spell.since, spell.kind, spell.ig_user_id or ""))),
        dict(_kills(rng, running, shards)),
        {at: rng.randrange(shards) for at in sorted(rng.sample(running, len(running) // TWICE_ONE_IN))},
    )


def _of_everybody(rng: Random, since: datetime, day: int, taken: Sequence[Spell]) -> Iterator[Spell]:
    """The trouble of one day that befalls all accounts, each in an hour of its own."""
    hours = [since + hour * HOUR for hour in range(24)]
    free = [hour for hour in hours if not any(spell.touches(hour - HOUR, hour + 2 * HOUR) for spell in taken)]
    places = iter(rng.sample(free, 7))

    def place() -> datetime:
        return next(places) + rng.randrange(4) * TICK

    lies = tuple({"kind": "error_100_33", "endpoint": endpoint, "rate": 0.9} for endpoint in ("stories", "insights"))
    yield _everybody("5xx burst", place(), 20 * MINUTE, Cause.API_UNREACHABLE, _each("http_500", 0.3))
    yield _everybody("5xx burst", place(), 15 * MINUTE, Cause.API_UNREACHABLE, _each("html_503", 0.3))
    yield _everybody("flaky hour", place(), 40 * MINUTE, Cause.API_UNREACHABLE, _flaky())
    yield _everybody("empty lists", place(), 30 * MINUTE, Cause.PLATFORM_INCIDENT, ({**lies[0], "kind": "empty"},))
    yield _everybody("nothing is there", place(), 20 * MINUTE, Cause.PLATFORM_INCIDENT, lies)
    media = ({"kind": "http_500", "endpoint": "cdn", "rate": 0.7},)
    yield Spell("media outage", at := place(), at + 30 * MINUTE, frozenset(), faults=_timed(media, at, 30 * MINUTE))
    if day % 2 == 0:
        storm = tuple({"kind": "app_throttle", "endpoint": endpoint} for endpoint in ("stories", "insights"))
        at = place()
        faults = _timed(storm, at, 15 * MINUTE)
        yield Spell("app throttled", at, at + 15 * MINUTE + APP_REST, frozenset({Cause.THROTTLED}), faults=faults)


def _throttled(rng: Random, since: datetime, accounts: Sequence[Account]) -> Iterator[Spell]:
    """The accounts that ask too much on one day; the last wait that they are told outlasts the throttling."""
    for account in rng.sample(accounts, _some(accounts, THROTTLED)):
        at, lasts = since + rng.randrange(DAY // TICK) * TICK, rng.randrange(4, 18) * TICK
        fault = {"kind": "throttle", "minutes": WAIT // MINUTE, "ig_user_id": account.ig_user_id}
        causes, faults = frozenset({Cause.THROTTLED}), _timed((fault,), at, lasts)
        yield Spell("account throttled", at, at + lasts + WAIT, causes, account.ig_user_id, faults)


def _bereft(
    rng: Random, since: datetime, end: datetime, accounts: Sequence[Account], whole: Iterator[Account]
) -> Iterator[Spell]:
    """The accounts that lose token or permission on one day, two in three until their creators sign in again."""
    deaths, withdrawals = _some(accounts, DYING), _some(accounts, WITHDRAWING)
    for number, account in enumerate(islice(whole, deaths + withdrawals)):
        at = since + rng.randrange(DAY // TICK) * TICK
        back = at + rng.randrange(2 * 12, 12 * 12) * TICK
        until = back if rng.random() < 2 / 3 and back < end else None
        kind, cause, grant = "token death", Cause.TOKEN, {"event": rng.choice(DEATHS)}
        if number >= deaths:
            kind, cause = "permission withdrawn", Cause.PERMISSION
            grant = {"scopes": [rng.choice(SCOPES[account.flavour])]}
        yield Spell(kind, at, until, frozenset({cause}), account.ig_user_id, grant=grant)


def _kills(rng: Random, ticks: Sequence[datetime], shards: int) -> Iterator[tuple[datetime, Kill]]:
    """Ticks that are killed, never two in a row: each story has two ticks in its last minutes."""
    last = None
    for at in sorted(rng.sample(ticks, len(ticks) // KILLED_ONE_IN)):
        if last is None or at - last > TICK:
            # Early steps more often than late ones, since a quiet tick has few.
            step = int(MOST_STEPS ** rng.random()) - 1
            yield at, Kill(rng.randrange(shards), step, again=rng.random() < 0.5)
            last = at


def _some(accounts: Sequence[Account], share: float) -> int:
    """So many of them, and one at least."""
    return max(1, round(share * len(accounts)))


def _everybody(kind: str, since: datetime, lasts: timedelta, cause: Cause, faults: Sequence[Told] = ()) -> Spell:
    return Spell(kind, since, since + lasts, frozenset({cause}), faults=_timed(faults, since, lasts))


def _timed(faults: Sequence[Told], since: datetime, lasts: timedelta) -> tuple[Told, ...]:
    times = {"since": since.isoformat(), "until": (since + lasts).isoformat()}
    return tuple({**fault, **times} for fault in faults)


def _each(kind: str, rate: float) -> tuple[Told, ...]:
    return tuple({"kind": kind, "endpoint": endpoint, "rate": rate} for endpoint in READ)


def _flaky() -> tuple[Told, ...]:
    """Replies that come late, broken, or not at all."""
    broken = (("slow", 0.01), ("cut", 0.02), ("lost", 0.02), ("garbage", 0.002))
    return tuple(
        {"kind": kind, "endpoint": endpoint, "rate": rate, "seconds": 0.05}
        for kind, rate in broken
        for endpoint in READ
    )


def _whole_hours(span: timedelta) -> timedelta:
    return span // HOUR * HOUR
