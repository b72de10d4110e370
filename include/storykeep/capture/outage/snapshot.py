"""What each tick leaves on the disk, so that the next one can begin without Postgres."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from pydantic import TypeAdapter, ValidationError

from storykeep.accounts.registry import Connection, Unreadable, shard_of
from storykeep.accounts.vault import Vault
from storykeep.capture import clocks, refusals
from storykeep.capture.outage import private_file
from storykeep.capture.outage.memory import LockedConnection, Memory, PoolClock
from storykeep.errors import StorykeepError

log = logging.getLogger(__name__)

_FORMAT = TypeAdapter(Memory)


def load(conn: psycopg.Connection, connections: Iterable[Connection], now: datetime) -> Memory:
    """What the warehouse knows at `now` that a tick of these connections needs."""
    kept = locked(connections)
    stories = clocks.stories(conn, kept.keys(), now)
    rows = conn.execute("select pool, usage_percent, blocked_until, updated_at from app.api_pools").fetchall()
    return Memory(
        at=now,
        connections=kept,
        accounts={clock.account_id: clock for clock in clocks.accounts(conn, kept.keys(), now)},
        stories={story.story_id: story for story in stories},
        refused=refusals.load(conn, [story.story_id for story in stories]),
        barred=clocks.refused(conn, kept.keys(), now),
        pools={pool: PoolClock(percent, until, at) for pool, percent, until, at in rows},
    )


def write(folder: Path, memory: Memory, now: datetime, *, shard: int, shards: int) -> None:
    """Keep what is known at `now` in `folder`. Raises StorykeepError when that is not possible."""
    private_file.write(folder / f"plan-{shard}-of-{shards}.json", _FORMAT.dump_json(memory.as_of(now)))


def forget_others(folder: Path, shards: int) -> None:
    """Remove what was kept when the accounts were divided otherwise: a goodbye may be missing there."""
    for path in folder.glob("plan-*.json"):
        if not path.name.endswith(f"-of-{shards}.json"):
            path.unlink(missing_ok=True)


def read(folder: Path, *, shard: int, shards: int) -> Memory | None:
    """What was kept of the accounts of a shard, however they were divided then; None when nothing was.

    Raises StorykeepError when it cannot be read.
    """
    paths = sorted(folder.glob("plan-*.json"))
    if not paths:
        return None
    found = _all_of(paths)
    found.connections = {
        account_id: one for account_id, one in found.connections.items() if shard_of(account_id, shards) == shard
    }
    return found


def pools(folder: Path) -> dict[str, PoolClock]:
    """How pools stood when ticks last left something here; nothing when that cannot be read."""
    try:
        return _all_of(folder.glob("plan-*.json")).pools
    except StorykeepError as error:
        log.warning("%s", error)
        return {}


def forget(folder: Path, account_id: str) -> None:
    """See to it that no tick without Postgres asks an account. Raises StorykeepError when that is not possible."""
    for path in folder.glob("plan-*.json"):
        memory = _read(path)
        if memory.connections.pop(account_id, None):
            private_file.write(path, _FORMAT.dump_json(memory))


def forget_all(folder: Path, account_id: str, ig_user_id: str) -> None:
    """Forget an account, its stories, and the pool that has its name. Raises StorykeepError when that fails."""
    for path in folder.glob("plan-*.json"):
        memory = _read(path)
        memory.connections.pop(account_id, None)
        memory.pools.pop(ig_user_id, None)
        private_file.write(path, _FORMAT.dump_json(memory.as_of(memory.at) if memory.at else memory))


def locked(connections: Iterable[Connection]) -> dict[str, LockedConnection]:
    """The connections without their open tokens, by account."""
    return {
        one.account_id: LockedConnection(
            one.account_id,
            one.ig_user_id,
            one.username,
            one.login_flavour,
            one.token_encrypted,
            one.status,
            one.can_read_insights,
            one.token_version,
        )
        for one in connections
    }


def unlocked(memory: Memory, vault: Vault) -> tuple[list[Connection], list[Unreadable]]:
    """The connections of which something is known, and those whose token no key opens."""
    connections: list[Connection] = []
    unreadable: list[Unreadable] = []
    for one in memory.connections.values():
        try:
            token = vault.unlock(one.token_encrypted, whose=f"@{one.username} ({one.account_id})")
            connections.append(Connection(token=token, **vars(one)))
        except StorykeepError as error:
            unreadable.append(Unreadable(one.account_id, one.username, error))
    return connections, unreadable


def _read(path: Path) -> Memory:
    try:
        return _FORMAT.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        raise StorykeepError(
            f"the plan cannot be read: {reason}", where=str(path), remedy="bring Postgres back; the next tick mends it"
        ) from None


def _all_of(paths: Iterable[Path]) -> Memory:
    found = Memory()
    for other in sorted(map(_read, paths), key=lambda one: one.at or datetime.min.replace(tzinfo=UTC)):
        _merge(found, other)
    return found


def _merge(found: Memory, other: Memory) -> None:
    """Add what another file, of a later time, tells."""
    found.at = min((at for at in (found.at, other.at) if at is not None), default=None)
    found.connections |= other.connections
    found.accounts |= other.accounts
    found.stories |= other.stories
    found.refused |= other.refused
    found.barred |= other.barred
    found.lost |= other.lost
    found.heard(other.pools)
