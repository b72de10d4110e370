"""What a tick knows of its accounts, so that it can go on without the warehouse."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import ConfigDict

from storykeep.accounts.pools import KNOWN_FOR, PACED_FROM, RESERVED_FROM, Standing
from storykeep.capture.planner import AccountClock, StoryClock
from storykeep.graph.usage import FULL, Pool
from storykeep.settings import Flavour

# The version of no token, where a file of an older release does not tell it: no verdict concerns it.
NO_VERSION = 0


@dataclass(frozen=True)
class LockedConnection:
    """A connection as it may rest on a disk: its token is as encrypted as it is in the warehouse."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    account_id: str
    ig_user_id: str
    username: str
    login_flavour: Flavour
    token_encrypted: bytes = field(repr=False)
    status: str
    can_read_insights: bool
    token_version: int = NO_VERSION


@dataclass(frozen=True)
class PoolClock:
    """How full a rate-limit pool was when it was last heard of, and until when it rests."""

    usage_percent: int | None
    blocked_until: datetime | None
    updated_at: datetime


@dataclass
class Memory:
    """The clocks of some accounts as of `at`, moved along with what is landed or spooled.

    `refused` are metrics by story, `barred` the stories that the API refuses for good, `lost` the accounts whose token
    was refused since the warehouse went away.
    """

    at: datetime | None = None
    connections: dict[str, LockedConnection] = field(default_factory=dict)
    accounts: dict[str, AccountClock] = field(default_factory=dict)
    stories: dict[str, StoryClock] = field(default_factory=dict)
    refused: dict[str, set[str]] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)
    pools: dict[str, PoolClock] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def listed(
        self, complete: Iterable[str], failed: Iterable[str], stories: Iterable[StoryClock], now: datetime
    ) -> None:
        """Note listings of accounts at `now`, complete or failed, and the stories that are new."""
        for account_id in failed:
            clock = self.accounts.get(account_id, AccountClock(account_id, None))
            self.accounts[account_id] = replace(clock, attempted_at=max(now, clock.attempted_at or now))
        for account_id in complete:
            clock = self.accounts.get(account_id, AccountClock(account_id, None))
            self.accounts[account_id] = replace(
                clock, listed_at=max(now, clock.listed_at or now), attempted_at=max(now, clock.attempted_at or now)
            )
        for story in stories:
            self.stories.setdefault(story.story_id, story)

    def answered(
        self, tried: Iterable[str], barred: Iterable[str], refused: Mapping[str, Collection[str]], at: datetime
    ) -> None:
        """Note which stories were answered for at `at`, which are refused for good, and what is refused of some."""
        for story_id in tried:
            if clock := self.stories.get(story_id):
                self.stories[story_id] = replace(clock, tried_at=max(at, clock.tried_at or at))
        self.barred |= set(barred)
        for story_id, names in refused.items():
            self.refused[story_id] = self.refused.get(story_id, set()) | set(names)

    def note(self, usage: Mapping[str, Pool], rests: Mapping[str, datetime], now: datetime) -> None:
        """Note how full pools are and until when some rest, as `pools.note` does."""
        for name in usage.keys() | rests.keys():
            percent = usage[name].percent if name in usage else FULL
            known = self.pools.get(name, PoolClock(percent, None, now))
            until = [at for at in (known.blocked_until, rests.get(name)) if at is not None]
            newest = percent if now >= known.updated_at else known.usage_percent
            self.pools[name] = PoolClock(newest, max(until, default=None), max(now, known.updated_at))

    def heard(self, pools: Mapping[str, PoolClock]) -> None:
        """Take in what is known of pools elsewhere: the newest figure and the longest rest count."""
        for name, other in pools.items():
            known = self.pools.get(name, other)
            until = [at for at in (known.blocked_until, other.blocked_until) if at is not None]
            newest = max(known, other, key=lambda one: one.updated_at)
            self.pools[name] = replace(newest, blocked_until=max(until, default=None))

    def account_clocks(self, account_ids: Iterable[str]) -> list[AccountClock]:
        """The clocks of these accounts. When they use to post is known as of when the warehouse went away."""
        return [self.accounts.get(account_id, AccountClock(account_id, None)) for account_id in account_ids]

    def story_clocks(
        self, account_ids: Collection[str], now: datetime, *, ending_by: datetime | None = None
    ) -> list[StoryClock]:
        """The clocks of these accounts' stories that still run; with `ending_by`, of those that end by then."""
        return [
            story
            for story in self.stories.values()
            if story.account_id in account_ids
            and story.story_id not in self.barred
            and now < story.expires_at
            and (ending_by is None or story.expires_at <= ending_by)
        ]

    def standing(self, names: Iterable[str], now: datetime) -> Standing:
        """How these pools stand, as `pools.standing` tells it."""
        found = Standing()
        for name in names:
            pool = self.pools.get(name)
            if pool is None:
                continue
            percent = (pool.usage_percent or 0) if pool.updated_at >= now - KNOWN_FOR else 0
            has_rested = pool.blocked_until is not None and pool.blocked_until > pool.updated_at
            if pool.blocked_until is not None and pool.blocked_until > now:
                found.blocked.add(name)
            if percent >= RESERVED_FROM and not has_rested:
                found.reserved.add(name)
            if percent >= PACED_FROM:
                found.paced.add(name)
        return found

    def as_of(self, now: datetime) -> "Memory":
        """The same without what is over at `now` or concerns no connection: what is worth keeping."""
        stories = {
            story_id: story
            for story_id, story in self.stories.items()
            if story.expires_at > now and story.account_id in self.connections
        }
        return replace(
            self,
            at=now,
            accounts={
                account_id: clock for account_id, clock in self.accounts.items() if account_id in self.connections
            },
            stories=stories,
            refused={story_id: names for story_id, names in self.refused.items() if story_id in stories},
            barred=self.barred & stories.keys(),
            lost=self.lost & self.connections.keys(),
        )
