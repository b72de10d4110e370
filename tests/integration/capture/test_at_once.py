"""Ticks of the same and of overlapping shards, refreshes by hand and a replay, all at once: nothing is doubled.

What they leave is what one tick after another leaves.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.capture.engine import capture
from storykeep.capture.media import archive_media
from storykeep.capture.refresh import refresh
from storykeep.capture.replay import replay
from storykeep.clock import fixed_clock
from storykeep.sandbox.serve import Running
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import EVENING, START, Scene, wired
from .test_crash import state

pytestmark = pytest.mark.integration

NO_PERMISSION = ("refused", 10)
Work = Callable[[Scene], object]


def shard(number: int, of: int, run_id: str) -> Work:
    def tick(mine: Scene) -> None:
        clock = fixed_clock(EVENING)
        capture(mine.conn, mine.settings, mine.clients(), clock, run_id, shard=number, shards=of)
        archive_media(mine.conn, mine.settings, mine.clients(), clock, f"{run_id}/media")

    return tick


def by_hand(username: str) -> Work:
    return lambda mine: refresh(mine.conn, mine.settings, mine.clients(), fixed_clock(EVENING), "by hand", username)


def backfill(mine: Scene) -> None:
    replay(
        mine.conn,
        mine.settings,
        mine.clients(),
        start=EVENING,
        end=EVENING,
        every=EVENING - START,
        set_clock=lambda now: None,
        on_tick=lambda now, run: None,
    )


def at_once(scene: Scene, works: Sequence[Work]) -> None:
    """Begin all of it together, each in a session of its own, and wait until all of it has ended well."""
    start = Barrier(len(works))

    def begin(work: Work) -> None:
        with connect(scene.settings.warehouse, "storykeep_ingest") as conn:
            conn.autocommit = True
            mine = Scene(scene.running, scene.settings, conn, scene.owner)
            start.wait(30)
            work(mine)

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(begin, works))


def kept(scene: Scene) -> dict[str, list[tuple[object, ...]]]:
    """Everything but when the rate-limit pools were last heard of, and how often a missing permission was told."""
    found = {table: rows for table, rows in state(scene).items() if table != "app.api_pools"}
    told = [row for row in found["raw.story_insights"] if (row[3], row[5]) != NO_PERMISSION]
    return found | {"raw.story_insights": told}


def test_everything_at_once_leaves_what_one_tick_leaves(
    running: Running, scene: Scene, new_warehouse: Callable[[], Settings]
) -> None:
    handles = [
        handle
        for (handle,) in scene.all(
            "select username from app.accounts join app.connections using (account_id) order by 1"
        )
        if handle in {story["username"] for story in scene.live().values() if story["cause"] in (None, "withheld")}
    ]
    works = [
        *(shard(0, 1, f"same/{number}") for number in range(2)),
        *(shard(number, 2, f"half/{number}") for number in range(2)),
        shard(1, 3, "overlapping"),
        backfill,
        *(by_hand(handle) for handle in handles[:2]),
    ]
    at_once(scene, works)
    assert scene.one("select count(*) from app.runs where status not in ('ok', 'trouble')") == 0
    assert scene.one("select count(*) from raw.story_insights") > 50

    twin = wired(new_warehouse(), running)
    with connect(twin.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        alone = Scene(running, twin, conn, scene.owner)
        import_accounts(conn, Vault(twin.token_keys), scene.control("GET", "accounts.csv"), START)
        alone.tick()
        assert kept(scene) == kept(alone)
