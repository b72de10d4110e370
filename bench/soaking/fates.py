"""What befalls the connections of a long soak, and what their creators do about it: a pure function of its seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from random import Random
from typing import Literal

from soaking.schedule import DAY, HOUR, SCOPES, Account, Told

# In the words of the sandbox: the end of a token, and the reason by which it is to be told.
ENDS = {
    "password_changed": "password_changed",
    "revoked": "app_removed",
    "logged_out": "logged_out",
    "checkpointed": "checkpointed",
    "unconfirmed": "unconfirmed_user",
}
READ = ("stories", "insights", "node")
# What the watch asks for; how it asks of many tokens at once is its own matter.
WATCHED = ("debug_token", "profile", "batch", "exchange", "refresh")
# Shares of the accounts, and of the runs of the watch.
BLOWN, STUCK, TROUBLED_RUNS = 0.6, 0.08, 0.06

Heeds = Literal["warning", "end", "nothing"]


@dataclass(frozen=True)
class Blow:
    """What ends or degrades one connection without notice.

    `reason` is the one to be told. The sandbox is told the `grant`, and the `faults` for as long as nobody has signed
    in again.
    """

    at: datetime
    ig_user_id: str
    reason: str
    grant: Told
    faults: tuple[Told, ...] = ()


@dataclass(frozen=True)
class Habit:
    """What moves a creator to sign in again, and how long after it was told."""

    heeds: Heeds
    after: timedelta


@dataclass(frozen=True)
class Fates:
    """All of it. `troubles` are the faults at the runs that the API disturbs, `stuck` what renewals always meet."""

    blows: tuple[Blow, ...]
    habits: Mapping[str, Habit]
    troubles: Mapping[datetime, tuple[Told, ...]]
    stuck: Mapping[str, Told]


def fates(seed: int, runs: Sequence[datetime], accounts: Sequence[Account]) -> Fates:
    """What happens from the first to the last of `runs`; the same arguments make the same fates."""
    rng = Random(f"lifetimes {seed}")
    whole = rng.sample(accounts, len(accounts))
    stuck = whole[: max(2, round(STUCK * len(whole)))]
    blown = whole[len(stuck) :][: round(BLOWN * len(whole))]
    return Fates(
        tuple(sorted(_blows(rng, runs[0], runs[-1] - runs[0], blown), key=lambda blow: (blow.at, blow.ig_user_id))),
        {account.ig_user_id: _habit(rng, account in stuck) for account in accounts},
        dict(_troubles(rng, runs)),
        {account.ig_user_id: _never_renewed(account) for account in stuck},
    )


def _blows(rng: Random, start: datetime, span: timedelta, accounts: Sequence[Account]) -> Iterator[Blow]:
    """One for each account, all kinds in turn, so that the end of the span still shows what came of the last."""
    kinds = {
        "facebook": cycle(["role", "insights", *ENDS, "reading"]),
        "instagram": cycle([*ENDS, "insights", "reading"]),
    }
    for account in accounts:
        at = start + span * rng.uniform(0.02, 0.9)
        yield _blow(at, account, next(kinds[account.flavour]))


def _blow(at: datetime, account: Account, kind: str) -> Blow:
    who, (insights, reading) = account.ig_user_id, SCOPES[account.flavour]
    if kind == "insights":
        return Blow(at, who, "missing_scope", {"scopes": [insights]})
    if kind == "reading":
        return Blow(at, who, "missing_scope", {"scopes": [reading]})
    if kind == "role":
        # The token itself lives on, so that only who reads is refused.
        refused = tuple({"kind": "error_190_492", "endpoint": endpoint, "ig_user_id": who} for endpoint in READ)
        return Blow(at, who, "page_role_lost", {"event": "page_role_lost"}, refused)
    return Blow(at, who, ENDS[kind], {"event": kind})


def _habit(rng: Random, is_stuck: bool) -> Habit:
    heeds: Heeds = rng.choices(("warning", "end", "nothing"), (0.4, 0.4, 0.2))[0]
    # Whose renewals fail is to be seen at the end of the token.
    return Habit("end" if is_stuck else heeds, rng.uniform(0.5, 8) * DAY)


def _never_renewed(account: Account) -> Told:
    endpoint = "exchange" if account.flavour == "facebook" else "refresh"
    return {"kind": "http_500", "endpoint": endpoint, "ig_user_id": account.ig_user_id}


def _troubles(rng: Random, runs: Sequence[datetime]) -> Iterator[tuple[datetime, tuple[Told, ...]]]:
    """Runs that meet an API in trouble, never two in a row, and not the last."""
    kinds = cycle([("http_500", 1.0), ("app_throttle", 1.0), ("html_503", 0.4), ("throttle", 0.2), ("cut", 0.3)])
    last = -1
    for number in sorted(rng.sample(range(1, len(runs) - 2), max(5, round(TROUBLED_RUNS * len(runs))))):
        if number > last + 1:
            kind, rate = next(kinds)
            times = {"since": runs[number].isoformat(), "until": (runs[number] + HOUR).isoformat()}
            yield runs[number], tuple({"kind": kind, "endpoint": one, "rate": rate, **times} for one in WATCHED)
            last = number
