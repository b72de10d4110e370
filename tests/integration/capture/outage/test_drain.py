"""What waits in the spool is landed whole, at its own times, and holds up nothing that is live."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.goodbye.requests import record
from storykeep.capture import tick
from storykeep.capture.asks import key_of
from storykeep.capture.engine import capture, capture_away
from storykeep.capture.outage import drain, relive, snapshot, spool
from storykeep.capture.outage.spooled import Record
from storykeep.errors import StorykeepError
from storykeep.graph import endpoints
from storykeep.graph.client import Answer
from storykeep.graph.errors import RefusedError
from storykeep.landing.purge import purge_stories
from storykeep.landing.runs import Run
from storykeep.landing.storage import open_root
from storykeep.maintenance.deletions import carry_out
from storykeep.warehouse import WarehouseAwayError

from ..conftest import Scene

pytestmark = pytest.mark.integration

MINUTES_5 = timedelta(minutes=5)
AWAY = WarehouseAwayError("it is away", where="Postgres")


def place(scene: Scene) -> Path:
    return spool.folder(scene.settings)


def set_clock(scene: Scene, after: timedelta) -> str:
    scene.now += after
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    return f"tick {scene.now}"


def quickly(scene: Scene, after: timedelta = MINUTES_5) -> Run:
    run_id = set_clock(scene, after)
    return capture(scene.conn, scene.settings, scene.clients(), lambda: scene.now, run_id)


def tick_away(scene: Scene, after: timedelta = 3 * MINUTES_5) -> datetime:
    """A tick that goes as if Postgres could not be reached; returns when it began."""
    run_id, began = set_clock(scene, after), scene.now
    with pytest.raises(WarehouseAwayError, match=r"[1-9]\d* replies spooled"):
        capture_away(scene.settings, scene.clients(), lambda: scene.now, run_id, AWAY)
    return began


def one_by_one(monkeypatch: pytest.MonkeyPatch, scene: Scene, each: timedelta) -> None:
    """From now on every chunk is one ask, whose answer takes `each` by the clock of the tick."""

    def later(answer: Answer) -> Answer:
        scene.now += each
        return answer

    monkeypatch.setattr(tick, "CHUNK", 1)
    monkeypatch.setattr(scene, "change", later)


def records(scene: Scene) -> Iterator[Record]:
    return spool.records(place(scene))


def account_of(scene: Scene, ig_user_id: str) -> str:
    return str(scene.one("select account_id from app.accounts where ig_user_id = %s", ig_user_id))


def test_rows_of_a_drained_chunk_keep_their_own_time_within_a_tick(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly(scene)
    with monkeypatch.context() as patch:
        one_by_one(patch, scene, timedelta(seconds=1))
        began = tick_away(scene)
    came_at = {one.at for one in records(scene)}
    assert len(came_at) > 10
    quickly(scene)
    landed = "select captured_at from raw.{} where captured_at between %s and %s"
    found = {
        at
        for table in ("story_listings", "story_insights")
        for (at,) in scene.all(landed.format(table), began, max(came_at))
    }
    assert found == came_at
    assert scene.one("select max(tried_at) from app.story_clock where tried_at <= %s", max(came_at)) > began


def test_a_pool_that_began_to_rest_without_postgres_is_not_asked_before_its_replies_are_landed_either(
    scene: Scene,
) -> None:
    quickly(scene)
    story_id, ends_at = scene.all(
        "select story_id, expires_at from app.story_clock join app.connections using (account_id)"
        " where status = 'connected' and expires_at > %s order by expires_at limit 1",
        scene.now + 6 * MINUTES_5,
    )[0]
    victim = scene.live()[story_id]["ig_user_id"]
    scene.now = ends_at - 2 * MINUTES_5
    scene.fault("throttle", victim)
    tick_away(scene, timedelta(minutes=1))
    scene.control("DELETE", "faults")
    scene.control("DELETE", "log")
    quickly(scene, timedelta(minutes=4))
    assert spool.files(place(scene)) == []
    assert victim not in scene.calls()


def test_a_pool_stays_at_rest_while_its_replies_wait_for_another_shard_to_land_them(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    quickly(scene)
    scene.fault("throttle", victim)
    tick_away(scene)
    scene.control("DELETE", "faults")
    with psycopg.connect(scene.conn.info.dsn, password=scene.settings.warehouse.password.get_secret_value()) as other:
        other.execute("select pg_advisory_lock(%s)", [drain.LOCK])
        scene.control("DELETE", "log")
        for _ in range(2):
            quickly(scene)
        assert spool.files(place(scene))
    assert scene.calls()
    assert victim not in scene.calls()


def test_what_is_live_does_not_wait_for_the_end_of_a_long_drain(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    quickly(scene)
    for _ in range(6):
        tick_away(scene)
    waiting = len(spool.files(place(scene)))
    read = spool.read

    def slowly(path: Path) -> Record:
        scene.now += timedelta(seconds=10)
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(spool, "read", slowly)
        run = quickly(scene, 3 * MINUTES_5)
    assert 0 < len(spool.files(place(scene))) < waiting
    assert run.counts["listings"] > 0
    assert "left for the next tick" not in run.counts
    quickly(scene)
    assert spool.files(place(scene)) == []


def test_a_listing_of_many_pages_whose_drain_is_cut_short_still_lands_whole(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "PAGE_SIZE", "1")
    quickly(scene)
    began = tick_away(scene, timedelta(hours=3))
    memory = snapshot.read(place(scene), shard=0, shards=1)
    assert memory is not None
    complete = {account_id for account_id, clock in memory.accounts.items() if clock.listed_at == began}
    pages = [len([one for one in record.answers if "after" in one.params]) for record in records(scene)]
    assert any(pages)
    land = relive.Past.land

    def killed(past: relive.Past, record: Record) -> None:
        if any("after" in one.params for one in record.answers):
            raise KeyboardInterrupt
        land(past, record)

    with monkeypatch.context() as patch:
        patch.setattr(relive.Past, "land", killed)
        with pytest.raises(KeyboardInterrupt):
            quickly(scene)
    quickly(scene, timedelta(0))
    landed = scene.all("select account_id from raw.story_listings where status = 'ok' and captured_at = %s", began)
    assert {account_id for (account_id,) in landed} == complete


def test_the_stories_of_a_page_are_kept_although_the_page_before_it_is_damaged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "PAGE_SIZE", "1")
    quickly(scene)
    began = tick_away(scene, timedelta(hours=3))
    first = next(
        path
        for path in spool.files(place(scene))
        if any(not one.key.story_id and one.params.get("after") is None for one in spool.read(path).answers)
    )
    concerned = {one.key.account_id for one in spool.read(first).answers}
    first.write_bytes(b"")
    later = [
        one
        for record in records(scene)
        for one in record.answers
        if "after" in one.params and one.key.account_id in concerned
    ]
    shown = {story["id"] for one in later for story in relive.restored(one).body["data"]}
    assert shown
    with pytest.raises(StorykeepError, match="cannot be landed"):
        quickly(scene)
    assert shown <= {story_id for (story_id,) in scene.all("select story_id from raw.stories")}
    proof = "select 1 from raw.story_listings where status = 'ok' and captured_at = %s and account_id = any(%s)"
    assert scene.all(proof, began, [one.key.account_id for one in later]) == []


def test_a_deadlock_sets_nothing_aside_and_the_next_tick_lands_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    quickly(scene)
    tick_away(scene)
    waiting = len(spool.files(place(scene)))

    def deadlocked(past: relive.Past, record: Record) -> None:
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, logger="storykeep"):
        patch.setattr(relive.Past, "land", deadlocked)
        run = quickly(scene, 3 * MINUTES_5)
    assert "left to the next tick: deadlock detected" in caplog.text
    assert run.counts["listings"] > 0
    assert spool.waiting(place(scene)).damaged == 0
    assert len(spool.files(place(scene))) == waiting
    assert quickly(scene).counts["drained"] > 0


@pytest.mark.parametrize("method", ["unlink", "rename"])
def test_a_folder_that_lets_nothing_be_removed_does_not_stop_capture(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    quickly(scene)
    tick_away(scene)
    if method == "rename":
        spool.files(place(scene))[0].write_bytes(b"")
    change = getattr(Path, method)

    def refused(path: Path, *args: object, **options: object) -> object:
        if path.name.startswith("replies-"):
            raise PermissionError(13, "Permission denied")
        return change(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, refused)
        with pytest.raises(StorykeepError, match=r"replies-.*: replies .* cannot be landed, or not removed"):
            quickly(scene, 3 * MINUTES_5)
    assert scene.one("select counts -> 'listings' from app.runs order by clock_at desc limit 1") > 0


def test_a_run_that_is_landed_in_two_goes_is_written_down_whole(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = scene.with_stories("facebook")[0]
    quickly(scene)
    scene.fault("throttle", victim)
    began = tick_away(scene)
    scene.control("DELETE", "faults")
    answers = sum(len(one.answers) for one in records(scene))
    land, count = relive.Past.land, iter(range(100))

    def killed(past: relive.Past, record: Record) -> None:
        if next(count) == len(spool.files(place(scene))) - 1:
            raise KeyboardInterrupt
        land(past, record)

    with monkeypatch.context() as patch:
        patch.setattr(relive.Past, "land", killed)
        with pytest.raises(KeyboardInterrupt):
            quickly(scene)
    quickly(scene, timedelta(0))
    ledger = "select status, counts -> 'calls', causes ? 'throttled' from app.runs where clock_at = %s"
    assert scene.all(ledger, began) == [("trouble", answers, True)]


def test_what_came_after_a_goodbye_is_not_kept(scene: Scene) -> None:
    """Another machine may know of it a tick later."""
    victim = scene.with_stories("facebook")[0]
    quickly(scene)
    username = scene.one("select username from app.accounts where ig_user_id = %s", victim)
    before = tick_away(scene)
    disconnect(scene.conn, username, scene.now + timedelta(minutes=1))
    after = tick_away(scene)
    quickly(scene)
    kept = "select captured_at from raw.story_listings where account_id = %s and captured_at >= %s"
    assert scene.all(kept, account_of(scene, victim), before) == [(before,)]
    assert scene.one("select count(*) from raw.story_listings where captured_at = %s", after) > 0


def test_who_says_goodbye_during_a_tick_is_not_asked_without_postgres_afterwards(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = scene.with_stories("facebook")[0]
    username = scene.one("select username from app.accounts where ig_user_id = %s", victim)
    quickly(scene)

    def meanwhile(answer: Answer) -> Answer:
        with scene.superuser() as owner:
            disconnect(owner, username, scene.now)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(scene, "change", meanwhile)
        quickly(scene, 3 * MINUTES_5)
    scene.control("DELETE", "log")
    tick_away(scene)
    assert scene.calls()
    assert victim not in scene.calls()


def test_nothing_comes_back_of_a_story_that_was_purged_before_the_drain(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(answer: Answer) -> Answer:
        if key_of(answer.ask).group != "profile_activity":
            return answer
        return replace(answer, body=None, error=RefusedError("not of this media", code=100))

    quickly(scene)
    with monkeypatch.context() as patch:
        patch.setattr(scene, "change", refused)
        tick_away(scene, timedelta(hours=3))
    answers = [one for record in records(scene) for one in record.answers if one.error and one.key.story_id]
    story_id = next(one.key.story_id for one in answers if one.key.group == "profile_activity")
    purge_stories(scene.conn, open_root(scene.settings.media_root), [story_id], scene.now + timedelta(days=2))
    quickly(scene)
    assert scene.all("select 1 from app.refused_metrics where media_id <> %s limit 1", story_id)
    for query in (
        "select 1 from app.refused_metrics where media_id = %s",
        "select 1 from app.story_clock where story_id = %s",
        "select 1 from raw.stories where story_id = %s",
        "select 1 from raw.story_insights where story_id = %s",
        "select 1 from raw.story_listings where payload ? %s",
    ):
        assert scene.all(query, story_id) == []


def test_nothing_comes_back_of_an_account_that_was_purged_before_the_drain(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    quickly(scene)
    account_id = account_of(scene, victim)
    tick_away(scene)
    spooled = {path: path.read_bytes() for path in spool.files(place(scene))}
    assert account_id in "".join(content.decode("latin-1") for content in spooled.values())
    others = sum(len(record.answers) for record in records(scene))

    request = record(scene.conn, scene.settings.work_dir, "command", victim, [victim], scene.now)
    done = carry_out(scene.settings, {}, request, scene.now)
    left = list(records(scene))
    assert done.certificate["spooled replies"] > 0
    assert sum(len(one.answers) for one in left) == others - done.certificate["spooled replies"]
    on_disk = "".join(path.read_text("latin-1") for path in place(scene).iterdir())
    assert account_id not in on_disk and victim not in on_disk

    for path, content in spooled.items():  # another machine's spool knows of no purge
        path.write_bytes(content)
    assert quickly(scene).counts["drained"] == others
    for table in ("raw.stories", "raw.story_listings", "raw.story_insights", "app.story_clock", "app.account_clock"):
        assert scene.all(f"select 1 from {table} where account_id = %s", account_id) == []  # noqa: S608
    assert scene.one("select count(*) from app.api_pools where pool = %s", victim) == 0
