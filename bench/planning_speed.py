"""What it takes to plan a tick over 100,000 accounts with about 300,000 live stories, in one shard.

The clocks are made up: three stories a day of every account for two weeks, most of them around the time of the tick, so
that as many accounts as possible may be posting now. Planning is timed by this process's own processor time; loading
the clocks is mostly Postgres's work and timed by the wall clock.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
from figures import Figure
from stage import LIST_EVERY, START, Bench, ingest, sandbox_stack, settings_of, timed

from storykeep.capture import clocks
from storykeep.capture.planner import plan
from storykeep.local.stack import LocalStack
from storykeep.warehouse import connect

ACCOUNTS, QUICK_ACCOUNTS = 100_000, 1_000
DAYS = 14
STORIES_A_DAY = 3
SPREAD = timedelta(hours=12)
# One account in so many has a pool that is nearly full.
PACED_APART = 10


def measure(bench: Bench) -> Iterator[Figure]:
    """Make up the clocks, load them and plan."""
    size = QUICK_ACCOUNTS if bench.quick else ACCOUNTS
    with sandbox_stack(accounts=1) as stack, ingest(settings_of(stack)) as conn:
        with bench.step(f"{DAYS} days of {size:,} accounts are made up"):
            _make_up(stack, size)
        ids = [account_id for (account_id,) in conn.execute("select account_id from app.account_clock")]
        # The second time, as every tick but the first finds them in memory.
        accounts, stories = clocks.accounts(conn, ids, START), clocks.stories(conn, ids, START)
        loading = timed(lambda: (clocks.accounts(conn, ids, START), clocks.stories(conn, ids, START)))
    paced = set(ids[::PACED_APART])
    begun = time.process_time()
    work = plan(accounts, stories, blocked=(), paced=paced, now=START, list_every=LIST_EVERY)
    planning = time.process_time() - begun
    due = len(work.sweeps) + len(work.listings) + len(work.readings)
    what = f"planning {len(accounts):,} accounts with {len(stories):,} live stories, {due:,} things due"
    yield Figure(what, planning, "s", at_most=2)
    yield Figure("loading their clocks from Postgres before", loading, "s")


def _make_up(stack: LocalStack, size: int) -> None:
    """Write the clocks down as they would be at START; only a superuser may do so without the accounts themselves."""
    with connect(replace(stack.postgres.superuser, database=stack.settings.warehouse.database)) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute(
            """
            insert into app.account_clock (account_id, listed_at, attempted_at)
            select 'acc_' || md5(number::text), at, at
            from generate_series(1, %s) as number, lateral (select %s - random() * %s * number / number as at) as listed
            """,
            [size, START, LIST_EVERY],
        )
        for day in range(DAYS, -1, -1):
            _make_up_day(conn, size, START - timedelta(days=day))
    with connect(replace(stack.postgres.superuser, database=stack.settings.warehouse.database)) as conn:
        conn.autocommit = True
        conn.execute("vacuum analyze app.account_clock, app.story_clock")


def _make_up_day(conn: psycopg.Connection, size: int, around: timedelta) -> None:
    conn.execute(
        """
        insert into app.story_clock (story_id, account_id, posted_at, expires_at, first_seen_at, tried_at)
        select
            18000000000000000 + extract(epoch from %(around)s)::bigint * %(many)s + number,
            'acc_' || md5((1 + number %% %(size)s)::text),
            posted_at,
            posted_at + interval '24 hours',
            posted_at,
            least(%(now)s, posted_at + interval '24 hours') - random() * interval '4 hours'
        from
            generate_series(1, %(many)s) as number,
            lateral (select %(around)s + (random() + random() - 1 + 0 * number) * %(spread)s as posted_at) as posted
        where posted_at <= %(now)s
        """,
        {"around": around, "many": size * STORIES_A_DAY, "size": size, "spread": SPREAD, "now": START},
    )
