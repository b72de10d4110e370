"""A purge while others are at work, killed half-way, or forgotten by a restored backup; and the creator's receipt."""

import json
from datetime import timedelta
from itertools import count
from pathlib import Path
from zipfile import ZipFile

import pytest

from storykeep.accounts.goodbye import requests
from storykeep.accounts.goodbye.export import export
from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import Answer
from storykeep.landing.storage import open_root
from storykeep.maintenance.deletions import carry_out, carry_out_all
from storykeep.warehouse import connect

from .conftest import Scene
from .crashing import crash_at, deletion
from .doomed import Doomed, ask, on_disk, purge
from .test_purge import dump, files
from .test_same_marts import HALF_AN_HOUR, prepare

pytestmark = pytest.mark.integration

# Of the marts there are none here, and what else may be counted is not of the world.
OF_THE_WORLD = {"app.runs", "app.runs (its handle)", "app.api_pools", "spooled replies"}
VERSIONS = "app.campaign_versions (its part)"


@pytest.fixture
def captured(scene: Scene) -> Scene:
    """A world with half an hour of captured stories and their media."""
    prepare(scene)
    scene.tick()
    scene.tick(HALF_AN_HOUR)
    return scene


def expected(scene: Scene, doomed: Doomed) -> dict[str, int]:
    """How many rows each table has of the account."""
    tables = scene.all(
        """
        select table_schema || '.' || table_name from information_schema.columns
        where table_schema in ('app', 'raw') and column_name = 'account_id' and table_name !~ '_[0-9]{8}$'
            and table_name <> 'connection_status'
        """
    )
    counts = {
        name: scene.one(f"select count(*) from {name} where account_id = %s", doomed.account_id)  # noqa: S608
        for (name,) in tables
    }
    counts[VERSIONS] = scene.one(
        "select count(*) from app.campaign_versions where strpos(document::text, %s) > 0", doomed.account_id
    )
    return {name: rows for name, rows in counts.items() if rows} | {"media files": len(doomed.files)}


def test_a_purge_during_a_tick_leaves_nothing_behind_and_costs_nobody_else_anything(
    captured: Scene, tmp_path: Path
) -> None:
    scene = captured
    doomed = Doomed(scene)
    tracked = scene.one("select count(*) from app.connections where status = 'connected'")
    scene.fault("throttle", doomed.ig_user_id)
    request = ask(scene, doomed)
    certificates = []

    def meanwhile(answer: Answer) -> Answer:
        if not certificates and answer.ask.pool == doomed.ig_user_id:
            certificates.append(carry_out(scene.settings, {}, request, scene.now))
        return answer

    scene.change = meanwhile
    try:
        run = scene.tick(HALF_AN_HOUR)
    finally:
        scene.control("DELETE", "faults")
    assert certificates and certificates[0].certificate["raw.stories"] == len(doomed.story_ids)
    assert run.counts["listings"] >= tracked - 3
    assert doomed.left_in(dump(scene, tmp_path)) == set()
    assert files(scene).isdisjoint(doomed.files)
    scene.tick(HALF_AN_HOUR)
    assert doomed.left_in(on_disk(scene)) == set()
    assert doomed.ig_user_id not in {pool for (pool,) in scene.all("select pool from app.api_pools")}


def test_a_file_that_was_under_way_when_its_account_was_purged_does_not_stay(
    captured: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = captured
    doomed = Doomed(scene)
    with scene.superuser() as owner:
        owner.execute("delete from raw.media_files where account_id = %s", [doomed.account_id])
    for path in Path(scene.settings.media_root).rglob("*"):
        if path.stem in doomed.files:
            path.unlink()
    from storykeep.capture import media

    fetch = media.fetch
    request = ask(scene, doomed)
    done = []

    def purged_meanwhile(*args: object) -> object:
        found = fetch(*args)  # type: ignore[arg-type]
        if not done:
            done.append(carry_out(scene.settings, {}, request, scene.now))
        return found

    monkeypatch.setattr(media, "fetch", purged_meanwhile)
    monkeypatch.setattr(media, "AT_ONCE", 1)
    scene.tick()
    assert done
    assert files(scene).isdisjoint(doomed.files)


def test_a_purge_that_is_killed_again_and_again_comes_to_the_same_certificate(captured: Scene, tmp_path: Path) -> None:
    scene = captured
    doomed = Doomed(scene)
    want = expected(scene, doomed)
    request = ask(scene, doomed)
    steps = count(1, 2)
    while not scene.all("select 1 from app.account_tombstones"):
        assert crash_at(next(steps), scene.settings, scene.now, deletion)
    scene.tick(timedelta(minutes=16))
    for step in (8, 11, 15, 19, 23, 27):
        crash_at(step, scene.settings, scene.now, deletion)
    done = requests.find(scene.conn, request.code)
    if done is None or done.done_at is None:
        assert done is not None
        done = carry_out(scene.settings, {}, done, scene.now)
    certificate = {what: told for what, told in done.certificate.items() if what not in OF_THE_WORLD}
    assert certificate == want | {
        "app.accounts": 1,
        "app.creators": 1,
        "app.connection_events": want["app.connection_events"] + 1,
    } | {what: told for what, told in certificate.items() if what == "app.refused_metrics"}
    assert doomed.left_in(dump(scene, tmp_path)) == set()
    assert files(scene).isdisjoint(doomed.files)
    assert carry_out(scene.settings, {}, done, scene.now) == done


def test_the_same_wish_again_is_the_same_request(captured: Scene) -> None:
    scene = captured
    doomed = Doomed(scene)
    first = ask(scene, doomed)
    assert ask(scene, doomed).code == first.code
    assert carry_out(scene.settings, {}, first, scene.now).done_at == scene.now
    again = requests.record(scene.conn, scene.settings.work_dir, "command", doomed.ig_user_id, [], scene.now)
    assert again.code == first.code


def test_a_purged_account_comes_back_by_a_new_consent_alone_and_with_nothing_from_before(captured: Scene) -> None:
    scene = captured
    doomed = Doomed(scene)
    purge(scene, doomed)
    vault, file = Vault(scene.settings.token_keys), scene.control("GET", "accounts.csv")
    for _ in range(2):
        assert import_accounts(scene.conn, vault, file, scene.now).outcomes["still purged"] == 1
    with connect(scene.settings.warehouse, "storykeep_ingest") as conn, pytest.raises(Exception, match="was purged"):
        conn.execute("insert into app.creators (creator_id, name) values ('c', 'c')")
        conn.execute(
            "insert into app.accounts (account_id, creator_id, ig_user_id, username, added_at)"
            " values ('another', 'c', %s, 'x', now())",
            [doomed.ig_user_id],
        )
    purged_at = scene.now
    consented_at = scene.now + timedelta(minutes=5)
    outcomes = import_accounts(scene.conn, vault, file, consented_at, anew=[f"@{doomed.username.upper()}"]).outcomes
    assert outcomes["connected"] == 1 and "still purged" not in outcomes

    scene.now = purged_at
    scene.tick()
    assert scene.all("select 1 from raw.stories where account_id = %s", doomed.account_id) == []
    scene.tick(HALF_AN_HOUR)
    since = "select min(captured_at) >= %s from raw.stories where account_id = %s"
    assert scene.all(since, consented_at, doomed.account_id) == [(True,)]


def test_what_a_restored_backup_has_forgotten_is_carried_out_again(captured: Scene, tmp_path: Path) -> None:
    scene = captured
    doomed = Doomed(scene)
    code = purge(scene, doomed).code
    with scene.superuser() as owner:  # the backup knows of no request, and has the account
        owner.execute("truncate app.deletion_requests, app.account_tombstones")
    prepare(scene)
    scene.tick(HALF_AN_HOUR)
    assert doomed.left_in(dump(scene, tmp_path))
    for recalled in (1, 0):
        done = carry_out_all(scene.settings, {}, fixed_clock(scene.now), f"round-{recalled}")
        assert done["recalled after a restore"] == recalled
        assert doomed.left_in(dump(scene, tmp_path)) == set()
    assert scene.all("select code, source, done_at is not null from app.deletion_requests") == [(code, "restore", True)]


def test_a_storage_that_refuses_leaves_a_request_that_goes_on_later(
    captured: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = captured
    doomed = Doomed(scene)
    ask(scene, doomed)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        with pytest.raises(StorykeepError, match="a file cannot be deleted: Permission denied"):
            carry_out_all(scene.settings, {}, fixed_clock(scene.now), "first")
    kept = "select count(*) from raw.media_files where account_id = %s and status = 'archived'"
    assert scene.one(kept, doomed.account_id) >= len(doomed.files)
    assert carry_out_all(scene.settings, {}, fixed_clock(scene.now), "second")["media files"] == len(doomed.files)


def test_the_receipt_holds_all_that_is_kept_of_one_account_and_no_secret(captured: Scene, tmp_path: Path) -> None:
    scene = captured
    doomed = Doomed(scene)
    want = expected(scene, doomed)
    told: dict[str, int] = {}
    root = open_root(scene.settings.media_root)
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    with connect(scene.settings.warehouse, "storykeep_transform") as marts:
        for file in (first, second):
            export(scene.conn, marts, root, f"@{doomed.username}", file, scene.now, told.__setitem__)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.zip", "second.zip"]
    with ZipFile(first) as zip_file:
        content = {name: zip_file.read(name) for name in zip_file.namelist()}
    rows = {
        name.removesuffix(".jsonl").replace("/", "."): [json.loads(line) for line in lines.splitlines()]
        for name, lines in content.items()
        if name.endswith(".jsonl")
    }
    counted = {name: len(lines) for name, lines in rows.items() if lines}
    assert counted == {name: count for name, count in want.items() if name not in ("media files", VERSIONS)} | {
        "app.creators": 1,
        "app.campaign_versions": want[VERSIONS],
    }
    parts = [part for version in rows["app.campaign_versions"] for part in version["participants"]]
    assert len(parts) == want["app.campaign_participants"]
    assert {part["account_id"] for part in parts} == {doomed.account_id}
    assert {row["story_id"] for row in rows["raw.stories"]} == doomed.story_ids
    assert {row["payload"]["id"] for row in rows["raw.stories"]} == doomed.story_ids
    assert doomed.files <= {Path(name).stem for name in content if name.startswith("media/")}
    assert f"@{doomed.username}" in content["README.txt"].decode()
    assert told["raw/stories"] == len(rows["raw.stories"])

    locked = scene.all(
        "select token_encrypted, token_hash from app.connections where account_id = %s", doomed.account_id
    )
    token = Vault(scene.settings.token_keys).unlock(locked[0][0]).get_secret_value()
    everything = b"".join(content.values())
    assert not any(secret in everything for secret in (token.encode(), locked[0][1].encode(), bytes(locked[0][0])))
    others = scene.all("select username from app.accounts where account_id <> %s", doomed.account_id)
    assert [name for (name,) in others if f'"{name}"'.encode() in everything] == []
    ids = scene.all("select account_id from app.accounts where account_id <> %s", doomed.account_id)
    assert [account_id for (account_id,) in ids if account_id.encode() in everything] == []


def test_a_receipt_that_cannot_be_written_leaves_nothing(captured: Scene, tmp_path: Path) -> None:
    scene = captured
    doomed = Doomed(scene)
    with connect(scene.settings.warehouse, "storykeep_transform") as marts:
        with pytest.raises(StorykeepError, match="cannot be written: No such file or directory"):
            export(scene.conn, marts, open_root("nowhere"), doomed.username, tmp_path / "no" / "it.zip", scene.now)
        with pytest.raises(ZeroDivisionError):
            export(
                scene.conn,
                marts,
                open_root("nowhere"),
                doomed.username,
                tmp_path / "it.zip",
                scene.now,
                lambda *_: 1 // 0,  # type: ignore[arg-type, return-value]
            )
    assert list(tmp_path.iterdir()) == []
