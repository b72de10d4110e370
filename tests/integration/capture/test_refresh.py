"""One account read now, beside the schedule: what it reads, how often, and what it may not touch."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from threading import Barrier

import psycopg
import pytest

from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.capture import refresh as module
from storykeep.capture.engine import capture
from storykeep.capture.refresh import outcome_of, raise_unread, refresh
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import Answer
from storykeep.graph.usage import Pool, Usage
from storykeep.landing.runs import Run
from storykeep.warehouse import connect

from .conftest import Scene

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def refreshed(scene: Scene, handle: str, after: timedelta = MINUTE, conn: psycopg.Connection | None = None) -> Run:
    """One refresh, `after` whatever was last."""
    scene.now += after
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    return refresh(conn or scene.conn, scene.settings, scene.clients(), fixed_clock(scene.now), "test", handle)


def handle_of(scene: Scene, ig_user_id: str) -> str:
    return str(scene.one("select username from app.accounts where ig_user_id = %s", ig_user_id))


def clock_of(scene: Scene, ig_user_id: str) -> datetime:
    """When the account was last listed well."""
    return scene.one(  # type: ignore[no-any-return]
        "select listed_at from app.account_clock join app.accounts using (account_id) where ig_user_id = %s", ig_user_id
    )


def own_stories(scene: Scene, ig_user_id: str) -> set[str]:
    return {story_id for story_id, story in scene.live().items() if story["ig_user_id"] == ig_user_id}


def nothing_is_asked(scene: Scene, handle: str, message: str) -> None:
    scene.control("DELETE", "log")
    with pytest.raises(StorykeepError, match=message):
        refreshed(scene, handle)
    assert scene.control("GET", "log")["calls"] == []


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_it_lists_one_account_and_reads_all_of_its_live_stories(scene: Scene, flavour: str) -> None:
    who = scene.with_stories(flavour)[0]
    scene.control("DELETE", "log")
    run = refreshed(scene, f"@{handle_of(scene, who).upper()}")
    assert run.causes == {}
    assert set(scene.calls()) == {who}
    stories = own_stories(scene, who)
    assert stories
    assert scene.all("select distinct captured_at from raw.story_listings") == [(scene.now,)]
    assert {story_id for (story_id,) in scene.all("select story_id from raw.stories")} == stories
    assert {story_id for (story_id,) in scene.all("select story_id from raw.story_insights")} == stories
    assert set(scene.all("select story_id, tried_at from app.story_clock")) == {(one, scene.now) for one in stories}
    assert scene.all("select kind, status from app.runs") == [("refresh", "ok")]


def test_it_reads_what_is_not_due_and_the_schedule_goes_on_from_there(scene: Scene) -> None:
    scene.tick()
    who = scene.with_stories("facebook")[0]
    refreshed(scene, handle_of(scene, who), 12 * MINUTE)
    at = scene.now
    assert set(
        scene.all("select tried_at from app.story_clock where story_id = any(%s)", list(own_stories(scene, who)))
    ) == {(at,)}
    scene.control("DELETE", "log")
    scene.tick(3 * MINUTE)  # the quarter of an hour at which the others are listed again
    assert who not in scene.calls()
    assert len(scene.calls()) > 5


def test_at_the_time_of_a_tick_it_adds_no_row(scene: Scene) -> None:
    scene.tick()
    tables = ("story_listings", "stories", "story_insights", "dead_letters")
    counts = {table: scene.one(f"select count(*) from raw.{table}") for table in tables}  # noqa: S608
    refreshed(scene, handle_of(scene, scene.with_stories("facebook")[0]), timedelta(0))
    assert {table: scene.one(f"select count(*) from raw.{table}") for table in tables} == counts  # noqa: S608


def test_it_is_no_tick_in_the_eyes_of_the_status(scene: Scene) -> None:
    from storykeep.report.status import gather_status

    refreshed(scene, handle_of(scene, scene.with_stories("facebook")[0]))
    assert not gather_status(scene.conn, scene.now, scene.settings.tick).is_healthy


def test_the_fifth_within_an_hour_is_refused_and_told_when_it_may_come(scene: Scene) -> None:
    first, second = scene.with_stories("facebook")[:2]
    handle = handle_of(scene, first)
    refreshed(scene, handle)
    at = scene.now
    for _ in range(3):
        refreshed(scene, handle)
    again = at + HOUR
    nothing_is_asked(
        scene, handle, f"^@{handle}: refreshed 4 times .* may be refreshed again at {again:%Y-%m-%d %H:%M:%S} UTC"
    )
    assert refreshed(scene, handle_of(scene, second)).counts["readings"]  # everybody has a limit of his own
    with pytest.raises(StorykeepError, match="refreshed 4 times"):
        refreshed(scene, handle, again - scene.now - timedelta(seconds=1))
    assert refreshed(scene, handle, timedelta(seconds=1)).counts["listings"] == 1


def test_one_that_failed_counts_too(scene: Scene) -> None:
    who = scene.with_stories("facebook")[0]
    scene.fault("error_2", who)
    for _ in range(4):
        run = refreshed(scene, handle_of(scene, who))
        assert set(run.causes) == {"api_unreachable"}
    nothing_is_asked(scene, handle_of(scene, who), "refreshed 4 times")


@pytest.mark.parametrize("pool", ["its own", "its app's"])
def test_a_nearly_full_pool_is_kept_for_the_last_readings(scene: Scene, pool: str) -> None:
    who = scene.with_stories("facebook")[0]
    name = who if pool == "its own" else "app:facebook"
    scene.conn.execute(
        "insert into app.api_pools (pool, usage_percent, updated_at) values (%s, 80, %s)", [name, scene.now]
    )
    free_at = scene.now + HOUR
    nothing_is_asked(scene, handle_of(scene, who), f"is nearly full.* again at {free_at:%Y-%m-%d %H:%M:%S} UTC")
    assert scene.one("select count(*) from app.runs") == 0  # a refusal does not count against the limit
    scene.conn.execute("update app.api_pools set usage_percent = 79")
    assert refreshed(scene, handle_of(scene, who)).counts["listings"] == 1


@pytest.mark.parametrize("pool", ["its own", "its app's"])
def test_a_blocked_pool_is_left_in_peace_until_its_time(scene: Scene, pool: str) -> None:
    who = scene.with_stories("instagram")[0]
    name = who if pool == "its own" else "app:instagram"
    until = scene.now + 20 * MINUTE
    scene.conn.execute(
        "insert into app.api_pools (pool, blocked_until, updated_at) values (%s, %s, %s)", [name, until, scene.now]
    )
    nothing_is_asked(scene, handle_of(scene, who), f"may be refreshed again at {until:%Y-%m-%d %H:%M:%S} UTC")
    assert refreshed(scene, handle_of(scene, who), 20 * MINUTE).counts["listings"] == 1


def test_a_pool_that_fills_up_meanwhile_ends_the_readings(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BITE", 1)
    stories = {who: own_stories(scene, who) for who in scene.with_stories("facebook")}
    who = max(stories, key=lambda one: len(stories[one]))
    assert len(stories[who]) > 1

    def changed(answer: Answer) -> Answer:
        is_reading = answer.ask.path.endswith("insights")
        return replace(answer, usage=Usage(pools={who: Pool(81 if is_reading else 79)}))

    scene.change = changed
    run = refreshed(scene, handle_of(scene, who))
    first = min(stories[who], key=lambda one: (scene.live()[one]["expires_at"], one))
    assert scene.all("select distinct story_id from raw.story_insights") == [(first,)]
    assert run.causes == {"throttled": {handle_of(scene, who)}}
    with pytest.raises(StorykeepError, match="not read in full: throttled"):
        raise_unread(scene.conn, scene.settings, handle_of(scene, who), run.causes)


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_however_often_it_is_asked_for_the_last_readings_are_still_made(scene: Scene, flavour: str) -> None:
    """Every call takes two percent of the account's pool, and nothing is given back."""
    scene.tick()
    who, story_id = min(
        (
            (story["ig_user_id"], story_id)
            for story_id, story in scene.live().items()
            if story["cause"] is None and story["login_flavour"] == flavour
        ),
        key=lambda one: str(scene.live()[one[1]]["expires_at"]),
    )
    expires_at = datetime.fromisoformat(scene.live()[story_id]["expires_at"])
    used = count(2, 2)

    def changed(answer: Answer) -> Answer:
        mine = {who: Pool(min(next(used), 100))} if answer.ask.pool == who else {}
        return replace(answer, usage=Usage(pools=mine))

    scene.change = changed
    scene.now = expires_at - 50 * MINUTE
    refused = 0
    while scene.now < expires_at:
        scene.tick(MINUTE)
        for _ in range(3):
            with suppress(StorykeepError):
                refreshed(scene, handle_of(scene, who))
                continue
            refused += 1
    assert refused > 20
    assert expires_at - scene.one("select read_at from app.story_clock where story_id = %s", story_id) <= 10 * MINUTE


def test_an_unknown_handle_is_named(scene: Scene) -> None:
    nothing_is_asked(scene, "@nobody.here", "^@nobody.here: there is no such account -> see: storykeep accounts list")


def test_an_account_that_never_connected_says_who_has_to_act(scene: Scene) -> None:
    (handle,) = scene.all(
        "select username from app.accounts left join app.connections using (account_id) where status is null"
    )[0]
    nothing_is_asked(
        scene, handle, f"^@{handle}: it cannot be read: not_tracked -> brand contact: ask the creator to conn"
    )


def test_a_disconnected_account_says_so(scene: Scene) -> None:
    handle = handle_of(scene, scene.with_stories("facebook")[0])
    disconnect(scene.conn, handle, scene.now)
    nothing_is_asked(scene, handle, f"^@{handle}: it cannot be read: disconnected -> brand contact: ")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("error_190_460", r"revoked \(password_changed\) -> creator: connect the account again"),
        ("error_190_459", r"needs_action \(checkpointed\) -> creator: log in at Facebook"),
    ],
)
def test_a_token_that_ends_meanwhile_and_ever_after_says_what_to_do(scene: Scene, kind: str, words: str) -> None:
    who = scene.with_stories("facebook")[0]
    scene.fault(kind, who)
    run = refreshed(scene, handle_of(scene, who))
    assert scene.calls()[who] == 1
    with pytest.raises(StorykeepError, match=words):
        raise_unread(scene.conn, scene.settings, handle_of(scene, who), run.causes)
    nothing_is_asked(scene, handle_of(scene, who), words)


def test_one_without_insights_is_told_before_anything_is_asked(scene: Scene) -> None:
    scene.tick()
    (handle,) = scene.all(
        "select username from app.accounts join app.connections using (account_id)"
        " where status = 'connected_no_insights'"
    )[0]
    nothing_is_asked(
        scene, handle, r"connected_no_insights \(missing_scope\) -> creator: connect the account again and"
    )


def test_an_app_that_is_not_set_up_is_named(scene: Scene) -> None:
    who = scene.with_stories("instagram")[0]
    apps = {name: conn for name, conn in scene.settings.connections.items() if name != "graph_instagram"}
    scene.settings = replace(scene.settings, connections=apps)
    nothing_is_asked(scene, handle_of(scene, who), "its app is not set up -> set AIRFLOW_CONN_GRAPH_INSTAGRAM")


@pytest.mark.parametrize("kind", ["error_100_33", "empty"])
def test_one_account_alone_concludes_nothing_from_stories_that_seem_gone(scene: Scene, kind: str) -> None:
    """It may be an incident, which only an answer about many accounts can tell."""
    scene.tick()
    who = scene.with_stories("facebook")[0]
    listed_at = clock_of(scene, who)
    scene.fault(kind, who, endpoint="stories")
    run = refreshed(scene, handle_of(scene, who))
    assert set(run.causes) == {"platform_incident"}
    assert scene.all("select status, cause from raw.story_listings where captured_at = %s", scene.now) == [
        ("failed", "platform_incident")
    ]
    assert clock_of(scene, who) == listed_at
    status = "select status from app.connections join app.accounts using (account_id) where ig_user_id = %s"
    assert scene.one(status, who) == "connected"


@contextmanager
def another_connection(scene: Scene) -> Iterator[psycopg.Connection]:
    with connect(scene.settings.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        yield conn


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=-2), timedelta(seconds=2)])
def test_beside_a_tick_no_row_comes_twice_and_no_clock_goes_back(scene: Scene, apart: timedelta) -> None:
    scene.tick()
    scene.now += 16 * MINUTE
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    who = scene.with_stories("facebook")[0]
    both = Barrier(2)

    def tick() -> Run:
        with another_connection(scene) as conn:
            both.wait()
            return capture(conn, scene.settings, scene.clients(), fixed_clock(scene.now), "tick")

    def one_account() -> Run:
        with another_connection(scene) as conn:
            both.wait()
            at = fixed_clock(scene.now + apart)
            return refresh(conn, scene.settings, scene.clients(), at, "test", handle_of(scene, who))

    with ThreadPoolExecutor(2) as threads:
        ticking, refreshing = threads.submit(tick), threads.submit(one_account)
        assert refreshing.result().counts["listings"] == 1
        assert ticking.result().counts["listings"] > 5
    # Each of them read at a time of its own, or once at the same.
    readings = scene.all(
        "select captured_at, count(*), count(distinct (story_id, metric_group, status)) from raw.story_insights"
        " join app.accounts using (account_id) where ig_user_id = %s group by 1",
        who,
    )
    assert {at for at, _, _ in readings} <= {scene.now - 16 * MINUTE, scene.now, scene.now + apart}
    assert all(count == different for _, count, different in readings)
    assert clock_of(scene, who) >= scene.now + apart
    assert scene.all("select tried_at from app.story_clock where story_id = any(%s)", list(own_stories(scene, who)))
    behind = (
        "select story_id from app.story_clock join raw.story_insights using (story_id)"
        " where status = 'ok' and metric_group = 'core' group by story_id, tried_at"
        " having tried_at <> max(captured_at)"
    )
    assert scene.all(behind) == []


def test_two_at_once_of_one_account_are_one(scene: Scene) -> None:
    who = scene.with_stories("facebook")[0]
    unchanged = scene.clients()
    with another_connection(scene) as other:

        def meanwhile(answer: Answer) -> Answer:
            with pytest.raises(StorykeepError, match="being refreshed at this moment -> wait"):
                refresh(other, scene.settings, unchanged, fixed_clock(scene.now), "other", handle_of(scene, who))
            return answer

        scene.change = meanwhile
        assert refreshed(scene, handle_of(scene, who)).counts["listings"] == 1
        scene.change = None
        assert refreshed(scene, handle_of(scene, who), conn=other).counts["listings"] == 1


def test_the_newest_of_a_caller_can_be_judged_later(scene: Scene) -> None:
    who = scene.with_stories("facebook")[0]
    handle = handle_of(scene, who)
    with pytest.raises(StorykeepError, match=f"^@{handle}: it was not refreshed"):
        outcome_of(scene.conn, "test", handle)
    scene.fault("error_2", who)
    refreshed(scene, handle)
    assert outcome_of(scene.conn, "test", handle).causes == {"api_unreachable": [handle]}
    scene.control("DELETE", "faults")
    refreshed(scene, handle)
    assert outcome_of(scene.conn, "test", handle).causes == {}
