"""Postgres is stopped and started under ticks: nothing is lost, nothing is doubled, and no secret lies on the disk."""

import csv
import io
import logging
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from storykeep.accounts.vault import Vault
from storykeep.capture import engine
from storykeep.capture.outage import snapshot, spool
from storykeep.capture.planner import SWEEP
from storykeep.errors import StorykeepError
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.migrations.upgrade import upgrade
from storykeep.sandbox.serve import Running
from storykeep.settings import Settings
from storykeep.warehouse import WarehouseAwayError, connect

from ..conftest import EVENING, Scene, wired
from ..crashing import crash_at
from .scene import AwayScene, differences, run_id_at

pytestmark = pytest.mark.integration

MINUTES_5 = timedelta(minutes=5)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A crash-safe Postgres that only these tests have."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("own_postgres"))
    try:
        yield server.start()
    finally:
        server.remove()


@pytest.fixture(scope="module")
def own_warehouse(own_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, running: Running) -> Settings:
    from tests.conftest import _settings

    settings = _settings(own_server, "warehouse", tmp_path_factory.mktemp("own_warehouse"))
    upgrade(settings)
    return wired(settings, running)


@pytest.fixture
def away(own_server: EmbeddedPostgres, own_warehouse: Settings, running: Running) -> Iterator[AwayScene]:
    """A scene whose Postgres runs, and can be stopped."""
    own_server.start()
    with connect(own_warehouse.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        owner = replace(own_server.superuser, database=own_warehouse.warehouse.database)
        scene = AwayScene(running, own_warehouse, conn, owner, server=own_server)
        scene.control("DELETE", "faults")
        scene.control("POST", "clock", {"now": EVENING.isoformat(), "speed": 0})
        scene.begin_again()
        yield scene
        scene.conn.close()
        scene.control("DELETE", "faults")


@pytest.fixture
def twin(scene: Scene, tmp_path: Path) -> AwayScene:
    """The same world, kept in a warehouse that is never away."""
    return AwayScene(scene.running, replace(scene.settings, work_dir=tmp_path), scene.conn, scene.owner)


def busiest_hour(scene: Scene) -> datetime:
    """A time from which on stories end within the hour, and at which ticks are on the grid of five minutes."""
    ends = sorted(datetime.fromisoformat(story["expires_at"]) for story in scene.live().values())
    most = max(ends, key=lambda start: sum(start <= end < start + HOUR - SWEEP for end in ends))
    return most.replace(minute=most.minute // 5 * 5, second=0, microsecond=0)


def tick_away(scene: AwayScene, after: timedelta = MINUTES_5) -> str:
    with pytest.raises(WarehouseAwayError, match=r"the warehouse is away \(.*\): \d+ replies spooled") as told:
        scene.tick(after)
    return str(told.value)


def test_an_hour_without_postgres_loses_and_doubles_nothing(away: AwayScene, twin: AwayScene) -> None:
    begin = busiest_hour(away) - MINUTES_5
    twin.now = away.now = begin - 4 * MINUTES_5
    for _ in range(4):
        twin.tick(MINUTES_5)
        away.tick(MINUTES_5)
    assert differences(away, twin) == ""
    ending = {
        story_id
        for story_id, story in twin.live().items()
        if datetime.fromisoformat(story["expires_at"]) < begin + HOUR and story["cause"] is None
    }
    assert len(ending) >= 2
    away.go_away()
    for _ in range(12):
        twin.tick(MINUTES_5)
        tick_away(away)
    away.come_back()
    twin.tick(MINUTES_5)
    run = away.tick(MINUTES_5)
    assert run.counts["drained"] > 100
    assert spool.files(away.place) == []
    assert differences(away, twin) == ""
    last = dict(away.all("select story_id, max(captured_at) from raw.story_insights where status = 'ok' group by 1"))
    ends = dict(away.all("select story_id, expires_at from app.story_clock"))
    assert all(ends[story_id] - last[story_id] <= MINUTES_5 for story_id in ending)
    ledger = "select run_id, clock_at, status, causes from app.runs where counts ? 'calls' order by 1"
    assert away.all(ledger) == twin.all(ledger)
    assert away.one("select counts -> 'drained' from app.runs order by clock_at desc limit 1") == run.counts["drained"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 4])
def test_postgres_that_dies_within_a_tick_costs_nothing(away: AwayScene, twin: AwayScene, chunk: int) -> None:
    twin.now = away.now = busiest_hour(away) - MINUTES_5
    twin.tick()
    away.tick()

    def die_at(number: int) -> None:
        if number == chunk:
            away.go_away()

    away.before_answers = die_at
    twin.tick(3 * MINUTES_5)
    tick_away(away, 3 * MINUTES_5)
    away.before_answers = None
    assert spool.files(away.place)
    twin.tick(MINUTES_5)
    tick_away(away)
    away.come_back()
    twin.tick(MINUTES_5)
    away.tick(MINUTES_5)
    assert differences(away, twin) == ""


@pytest.mark.parametrize("chunk", [1, 3, 5])
def test_postgres_that_dies_in_the_very_first_tick_costs_nothing_either(
    away: AwayScene, twin: AwayScene, chunk: int
) -> None:
    away.before_answers = lambda number: away.go_away() if number == chunk else None
    twin.tick()
    tick_away(away, timedelta(0))
    away.before_answers = None
    away.come_back()
    twin.tick(MINUTES_5)
    away.tick(MINUTES_5)
    # Whether a token has a permission at all is judged with the warehouse: until then it is asked on, and refused.
    found = [line for line in differences(away, twin).splitlines() if "'refused', {}, 10," not in line]
    assert found == []


def test_the_chunk_at_which_postgres_dies_is_kept_and_not_asked_for_again(away: AwayScene) -> None:
    away.tick()

    def die(number: int) -> None:
        if number == 1:
            away.go_away()
            away.fault("throttle")

    away.before_answers = die
    tick_away(away, 3 * MINUTES_5)
    died_at = away.now
    away.before_answers = None
    away.control("DELETE", "faults")
    away.come_back()
    away.tick(MINUTES_5)
    good = "select count(*) from raw.story_listings where status = 'ok' and captured_at = %s"
    assert away.one(good, died_at) > 1


def test_a_drain_that_is_killed_again_and_again_doubles_nothing(
    away: AwayScene, twin: AwayScene, tmp_path: Path
) -> None:
    twin.now = away.now = busiest_hour(away) - MINUTES_5
    twin.tick()
    away.tick()
    away.go_away()
    for _ in range(4):
        twin.tick(MINUTES_5)
        tick_away(away)
    away.come_back()
    kept = tmp_path / "kept"
    shutil.copytree(away.place, kept)
    away.now += MINUTES_5
    away.control("POST", "clock", {"now": away.now.isoformat()})
    left = []
    for step in range(1, 40, 3):
        # What was landed already lies there once more, as if the process had died before it could remove it.
        shutil.copytree(kept, away.place, dirs_exist_ok=True)
        if not crash_at(step, away.settings, away.now):
            break
        left.append(len(spool.files(away.place)))
    assert {0, len(spool.files(kept))} < set(left)
    away.tick()
    twin.tick(MINUTES_5)
    assert differences(away, twin) == ""


def test_a_damaged_file_is_set_aside_and_the_rest_lands(away: AwayScene, caplog: pytest.LogCaptureFixture) -> None:
    away.tick()
    away.go_away()
    tick_away(away, 3 * MINUTES_5)
    files = spool.files(away.place)
    assert len(files) > 2
    files[0].write_bytes(files[0].read_bytes()[:-40])
    (away.place / f"{files[1].name}.half.123").write_bytes(b"{")
    away.come_back()
    with (
        caplog.at_level(logging.ERROR, logger="storykeep"),
        pytest.raises(StorykeepError, match=rf"{files[0].name}\.bad: replies .* cannot be landed"),
    ):
        away.tick(MINUTES_5)
    assert f"{files[0].name}.bad: set aside" in caplog.text
    assert spool.files(away.place) == []
    assert spool.waiting(away.place).damaged == 1
    landed = away.one("select count(*) from raw.story_insights where captured_at = %s", away.now - MINUTES_5)
    assert landed > 0
    assert away.one("select status from app.runs order by clock_at desc limit 1") in ("ok", "trouble")
    away.tick(MINUTES_5)


def test_no_secret_lies_on_the_disk_and_tokens_only_as_they_lie_in_the_warehouse(away: AwayScene) -> None:
    away.tick()
    away.go_away()
    tick_away(away, 3 * MINUTES_5)
    tokens = [row["access_token"] for row in csv.DictReader(io.StringIO(away.control("GET", "accounts.csv")))]
    secrets = [token for token in tokens if token] + [app.secret for app in away.running.app.values()]
    contents = {path: path.read_bytes() for path in away.place.iterdir()}
    assert any(b"views" in content for content in contents.values())
    assert len(secrets) > 10
    assert [path for path, content in contents.items() for secret in secrets if secret.encode() in content] == []
    assert {oct(path.stat().st_mode & 0o777) for path in contents} == {"0o600"}
    assert oct(away.place.stat().st_mode & 0o777) == "0o700"
    memory = snapshot.read(away.place, shard=0, shards=1)
    assert memory is not None
    opened, unreadable = snapshot.unlocked(memory, Vault(away.settings.token_keys))
    assert {one.token.get_secret_value() for one in opened} <= set(tokens)
    assert opened
    assert unreadable == []
    _, unreadable = snapshot.unlocked(memory, Vault([SecretStr(Fernet.generate_key().decode())]))
    assert len(unreadable) == len(opened)


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_a_pool_that_is_throttled_meanwhile_rests_and_the_listing_lands_as_throttled(
    away: AwayScene, twin: AwayScene, flavour: str
) -> None:
    twin.now = away.now
    victim = away.with_stories(flavour)[0]
    twin.tick()
    away.tick()
    away.go_away()
    away.fault("throttle", victim)
    twin.tick(3 * MINUTES_5)
    tick_away(away, 3 * MINUTES_5)
    away.control("DELETE", "faults")
    for _ in range(2):
        twin.tick(MINUTES_5)
        away.control("DELETE", "log")
        tick_away(away)
        assert victim not in away.calls()
    away.come_back()
    twin.tick(HOUR)
    away.tick(HOUR)
    away.control("DELETE", "log")
    assert differences(away, twin) == ""


def test_a_token_that_dies_meanwhile_is_not_asked_with_again_and_ends_its_connection_when_drained(
    away: AwayScene,
) -> None:
    victim = away.with_stories("facebook")[0]
    away.tick()
    away.go_away()
    away.fault("error_190_463", victim)
    tick_away(away, 3 * MINUTES_5)
    died_at = away.now
    away.control("DELETE", "faults")
    away.control("DELETE", "log")
    tick_away(away, 3 * MINUTES_5)
    assert victim not in away.calls()
    away.come_back()
    away.tick(MINUTES_5)
    assert away.all(
        "select status, reason, status_since from app.connections join app.accounts using (account_id)"
        " where ig_user_id = %s",
        victim,
    ) == [("expired", "token_expired", died_at)]


def test_a_verdict_over_an_old_token_does_not_end_a_connection_that_was_renewed_before_the_drain(
    away: AwayScene,
) -> None:
    victim = away.with_stories("facebook")[0]
    away.tick()
    away.go_away()
    away.fault("error_190_463", victim)
    tick_away(away, 3 * MINUTES_5)
    away.control("DELETE", "faults")
    away.come_back()
    mine = "where account_id = (select account_id from app.accounts where ig_user_id = %s)"
    away.conn.execute(f"update app.connections set token_version = token_version + 1 {mine}", [victim])  # noqa: S608
    away.tick(MINUTES_5)
    assert away.one(f"select status from app.connections {mine}", victim) == "connected"  # noqa: S608


def test_what_was_asked_of_an_account_that_is_purged_before_the_drain_is_dropped(away: AwayScene) -> None:
    victim = away.with_stories("facebook")[0]
    away.tick()
    away.go_away()
    tick_away(away, 3 * MINUTES_5)
    came_at = away.now
    away.come_back()
    account_id = away.one("select account_id from app.accounts where ig_user_id = %s", victim)
    away.conn.execute("update app.connections set status = 'purged' where account_id = %s", [account_id])
    away.tick(MINUTES_5)
    found = away.all("select distinct account_id from raw.story_listings where captured_at = %s", came_at)
    assert found
    assert (account_id,) not in found
    assert spool.files(away.place) == []


def test_a_bug_is_no_outage(away: AwayScene, monkeypatch: pytest.MonkeyPatch) -> None:
    away.tick()
    with away.superuser() as owner:
        owner.execute("revoke insert on raw.story_listings from storykeep_ingest")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            away.tick(3 * MINUTES_5)
        assert spool.files(away.place) == []
    finally:
        with away.superuser() as owner:
            owner.execute("grant insert on raw.story_listings to storykeep_ingest")


def test_a_postgres_that_takes_no_writes_is_away(away: AwayScene, twin: AwayScene) -> None:
    twin.now = away.now
    twin.tick()
    away.tick()
    away.conn.execute("set session characteristics as transaction read only")
    twin.tick(3 * MINUTES_5)
    away.now += 3 * MINUTES_5
    with pytest.raises(WarehouseAwayError, match="read-only"):
        engine.capture(away.conn, away.settings, away.clients(), lambda: away.now, run_id_at(away.now))
    twin.tick(MINUTES_5)
    away.tick(MINUTES_5)
    assert differences(away, twin) == ""


def test_without_a_snapshot_the_message_is_that_of_postgres(away: AwayScene) -> None:
    away.go_away()
    with pytest.raises(WarehouseAwayError, match=r"^Postgres 'warehouse' at 127.0.0.1:\d+: .*refused"):
        away.tick()


def test_without_a_token_key_the_message_is_about_that(away: AwayScene) -> None:
    away.tick()
    away.go_away()
    away.settings = replace(away.settings, token_keys=())
    with pytest.raises(StorykeepError, match="no token key is set"):
        away.tick(3 * MINUTES_5)


def test_two_shards_go_on_with_what_one_left(away: AwayScene, twin: AwayScene) -> None:
    """The console script knows one shard, the schedule two."""
    twin.now = away.now
    twin.tick()
    away.tick()
    away.go_away()
    twin.tick(3 * MINUTES_5)
    away.now += 3 * MINUTES_5
    run_id = run_id_at(away.now)
    for shard in (0, 1):
        with pytest.raises(WarehouseAwayError, match=r" [1-9]\d* replies spooled"):
            engine.capture_or_spool(away.settings, away.clients(), lambda: away.now, run_id, shard=shard, shards=2)
    away.come_back()
    twin.tick(MINUTES_5)
    away.tick(MINUTES_5)
    assert differences(away, twin) == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a small disk takes root")
    yield place
    subprocess.run(["/bin/umount", "-l", str(place)], check=True)


def test_a_full_disk_is_told_and_what_was_spooled_before_is_landed(away: AwayScene, small_disk: Path) -> None:
    away.settings = replace(away.settings, work_dir=small_disk)
    away.tick()
    away.go_away()
    with pytest.raises(StorykeepError, match=r"disk/spool: cannot be written: No space left.* -> free its disk"):
        for _ in range(100):
            tick_away(away, 3 * MINUTES_5)
    waiting = len(spool.files(away.place))
    assert waiting > 1
    away.come_back()
    assert away.tick(MINUTES_5).counts["drained"] > waiting
    assert spool.waiting(away.place) == spool.Waiting()
