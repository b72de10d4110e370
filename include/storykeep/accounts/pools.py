"""The rate-limit pools, which all shards share: how full they are, which rest, and which are nearly full.

A pool is an account's own, named by its IG user id, or its app's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from storykeep.graph.client import Answer
from storykeep.graph.usage import FULL, Pool, fullest
from storykeep.settings import Flavour

# Percent from which an account is asked less, so that what is left goes to the last readings of its stories.
PACED_FROM = 80
# Percent from which it is asked for nothing but those.
RESERVED_FROM = 95
# Calls refresh the figure. An older one tells nothing: the counters roll.
KNOWN_FOR = timedelta(hours=1)
# How long a throttled or full pool rests when the reply does not say. Calls made meanwhile would lengthen the block.
REST = timedelta(minutes=15)


@dataclass
class Standing:
    """Names of pools by what may still be asked of them: nothing of `blocked`, last readings alone of `reserved`.

    Those in `paced` are asked less; what is reserved is paced too.
    """

    blocked: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)
    paced: set[str] = field(default_factory=set)

    def add(self, newer: "Standing") -> None:
        """Take in what has come since; nothing is freed."""
        self.blocked |= newer.blocked
        self.reserved |= newer.reserved
        self.paced |= newer.paced


def app_pool(flavour: Flavour) -> str:
    """The name of the pool that all calls of one app share."""
    return f"app:{flavour}"


def pools_of(ig_user_id: str, flavour: Flavour) -> frozenset[str]:
    """The names of the pools that the calls for an account count against."""
    return frozenset((ig_user_id, app_pool(flavour)))


def told(answers: Iterable[Answer], flavour: Flavour) -> dict[str, Pool]:
    """The pools that these replies tell of, each at its fullest."""
    found: dict[str, Pool] = {}
    for answer in answers:
        if answer.usage is None:
            continue
        for name, pool in ((answer.ask.pool, answer.usage.of(answer.ask.pool)), (app_pool(flavour), answer.usage.app)):
            if (most := fullest(pool, found.get(name))) is not None:
                found[name] = most
    return found


def note(conn: psycopg.Connection, usage: Mapping[str, Pool], rests: Mapping[str, datetime], now: datetime) -> None:
    """Keep how full these pools are and until when some rest. A pool that rests without a figure counts as full."""
    names = sorted(usage.keys() | rests.keys())
    if not names:
        return
    conn.execute(
        """
        insert into app.api_pools (pool, usage_percent, blocked_until, updated_at)
        select new.*, %(now)s
        from unnest(%(names)s::text [], %(percents)s::integer [], %(rests)s::timestamptz [])
            as new (pool, usage_percent, blocked_until)
        order by new.pool
        on conflict (pool) do update set
            usage_percent = case
                when excluded.updated_at >= app.api_pools.updated_at then excluded.usage_percent
                else app.api_pools.usage_percent
            end,
            blocked_until = greatest(app.api_pools.blocked_until, excluded.blocked_until),
            updated_at = greatest(app.api_pools.updated_at, excluded.updated_at)
        """,
        {
            "names": names,
            "percents": [usage[name].percent if name in usage else FULL for name in names],
            "rests": [rests.get(name) for name in names],
            "now": now,
        },
    )


def standing(conn: psycopg.Connection, names: Iterable[str], now: datetime) -> Standing:
    """How these pools stand, as far as is known. One whose rest has ended since it told its figure is paced at most."""
    rows = conn.execute(
        """
        select
            pool,
            coalesce(blocked_until > %(now)s, false),
            coalesce(blocked_until > updated_at, false),
            case when updated_at >= %(known_since)s then coalesce(usage_percent, 0) else 0 end
        from app.api_pools where pool = any(%(names)s)
        """,
        {"now": now, "known_since": now - KNOWN_FOR, "names": list(names)},
    ).fetchall()
    return Standing(
        blocked={pool for pool, is_blocked, _, _ in rows if is_blocked},
        reserved={pool for pool, _, has_rested, percent in rows if percent >= RESERVED_FROM and not has_rested},
        paced={pool for pool, _, _, percent in rows if percent >= PACED_FROM},
    )


def free_at(conn: psycopg.Connection, names: Iterable[str], now: datetime) -> datetime | None:
    """When more than the last readings may be asked of all these pools again, at the latest; None when it is now."""
    row = conn.execute(
        """
        select greatest(
            max(blocked_until) filter (where blocked_until > %(now)s),
            max(updated_at) filter (where usage_percent >= %(paced_from)s and updated_at >= %(known_since)s)
            + %(known_for)s
        )
        from app.api_pools where pool = any(%(names)s)
        """,
        {
            "now": now,
            "paced_from": PACED_FROM,
            "known_since": now - KNOWN_FOR,
            "known_for": KNOWN_FOR,
            "names": list(names),
        },
    ).fetchone()
    return row[0] if row else None
