"""What is due for some accounts at a time, as far as their rate-limit pools let them be asked."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import psycopg

from storykeep.accounts.pools import Standing
from storykeep.capture import clocks
from storykeep.capture.planner import AccountClock, Plan, StoryClock, plan


def due(
    conn: psycopg.Connection,
    pools_of: Mapping[str, frozenset[str]],
    standing: Standing,
    *,
    now: datetime,
    list_every: timedelta,
    listings: bool = True,
) -> Plan:
    """What is due at `now` for these accounts, each of which is given with the names of its pools."""
    accounts = clocks.accounts(conn, pools_of.keys(), now) if listings else ()
    stories = clocks.stories(conn, pools_of.keys(), now)
    return due_of(accounts, stories, pools_of, standing, now=now, list_every=list_every)


def due_of(
    accounts: Iterable[AccountClock],
    stories: Iterable[StoryClock],
    pools_of: Mapping[str, frozenset[str]],
    standing: Standing,
    *,
    now: datetime,
    list_every: timedelta,
) -> Plan:
    """The same for clocks that are known already."""
    return plan(
        accounts,
        stories,
        blocked=within(standing.blocked, pools_of),
        reserved=within(standing.reserved, pools_of),
        paced=within(standing.paced, pools_of),
        now=now,
        list_every=list_every,
    )


def within(names: set[str], pools_of: Mapping[str, frozenset[str]]) -> set[str]:
    """The accounts that have a pool among these."""
    return {account_id for account_id, own in pools_of.items() if names & own} if names else set()
