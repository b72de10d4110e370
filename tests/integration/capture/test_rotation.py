"""Tokens are locked with another key while capture works on, and a dump gives none of them away."""

import base64
import csv
import io
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from storykeep.accounts.registry import capturable
from storykeep.accounts.rotation import Rotation, rotate
from storykeep.accounts.vault import Vault
from storykeep.backup import programs
from storykeep.graph.client import Answer
from storykeep.landing.runs import Run
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import Scene

pytestmark = pytest.mark.integration

MINUTES_5 = timedelta(minutes=5)
QUARTER = timedelta(minutes=15)


def key() -> SecretStr:
    return SecretStr(Fernet.generate_key().decode())


def with_keys(settings: Settings, *keys: SecretStr) -> Settings:
    return replace(settings, token_keys=keys)


def rotated(settings: Settings) -> Rotation:
    """A rotation by a process of its own, as far as Postgres can tell."""
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        return rotate(conn, Vault(settings.token_keys))


def during_a_tick(scene: Scene, act: Callable[[], None]) -> Run:
    """The run of a tick which waits, with its first answers in hand, until `act` is done."""
    has_begun, may_go_on = threading.Event(), threading.Event()

    def hold(answer: Answer) -> Answer:
        has_begun.set()
        assert may_go_on.wait(60)
        return answer

    runs: list[Run] = []
    scene.change = hold
    ticking = threading.Thread(target=lambda: runs.append(scene.tick(QUARTER)))
    ticking.start()
    try:
        assert has_begun.wait(60)
        act()
    finally:
        may_go_on.set()
        ticking.join()
        scene.change = None
    return runs[0]


def test_all_tokens_are_rotated_while_a_tick_works_and_the_old_key_can_go(scene: Scene) -> None:
    old, new = scene.settings.token_keys[0], key()
    scene.tick()
    before = scene.one("select count(*) from app.connections where token_encrypted is not null")
    pages = scene.one("select count(*) from app.connections where page_token_encrypted is not null")
    assert before > 10
    assert pages > 3
    scene.settings = with_keys(scene.settings, new, old)
    done: list[Rotation] = []
    run = during_a_tick(scene, lambda: done.append(rotated(scene.settings)))
    assert done == [Rotation(before + pages, ())]
    assert run.counts["listings"] > 10
    assert rotated(scene.settings) == Rotation(0, ()), "what was done is left alone"
    scene.settings = with_keys(scene.settings, new)
    after = scene.tick(QUARTER)
    assert after.counts["listings"] == run.counts["listings"]
    assert after.causes == run.causes


def test_a_token_that_dies_in_a_tick_during_which_it_was_rotated_ends_its_connection(scene: Scene) -> None:
    victim = scene.with_stories("facebook")[0]
    scene.fault("error_190_460", victim)
    scene.settings = with_keys(scene.settings, key(), *scene.settings.token_keys)
    during_a_tick(scene, lambda: assert_rotated(scene.settings))
    mine = "select status, reason, status_since from app.connections join app.accounts using (account_id)"
    assert scene.all(f"{mine} where ig_user_id = %s", victim) == [("revoked", "password_changed", scene.now)]


def assert_rotated(settings: Settings) -> None:
    assert rotated(settings).tokens > 10


def test_a_renewal_waits_until_its_connection_is_rotated(scene: Scene) -> None:
    settings = with_keys(scene.settings, key(), *scene.settings.token_keys)
    waited: list[bool] = []

    class Watched(Vault):
        def relock(self, locked: bytes, *, whose: str = "") -> bytes:
            with connect(settings.warehouse, "storykeep_ingest") as other:
                other.execute("set lock_timeout = '20ms'")
                account_id = whose.partition("(")[2].rstrip(")")
                try:
                    other.execute("update app.connections set token_version = 9 where account_id = %s", [account_id])
                    waited.append(False)
                except psycopg.errors.LockNotAvailable:
                    waited.append(True)
                    other.rollback()
            return super().relock(locked, whose=whose)

    with connect(settings.warehouse, "storykeep_ingest") as conn:
        assert rotate(conn, Watched(settings.token_keys)).tokens == len(waited) > 10
    assert set(waited) == {True}
    assert scene.all("select distinct token_version from app.connections") == [(1,)]


def test_a_token_that_no_key_opens_is_named_once_and_costs_no_other(scene: Scene) -> None:
    foreign = Vault([key()]).lock(SecretStr("EAAlost"))
    ((account_id, username),) = scene.all("select account_id, username from app.accounts order by account_id limit 1")
    scene.conn.execute(
        "update app.connections set token_encrypted = %s, page_token_encrypted = %s where account_id = %s",
        [foreign, foreign, account_id],
    )
    new = key()
    done = rotated(with_keys(scene.settings, new, *scene.settings.token_keys))
    assert done.tokens > 10
    (error,) = done.lost
    assert str(error).startswith(f"@{username} ({account_id}): none of the token keys opens this token -> put the key")
    assert scene.one("select token_encrypted from app.connections where account_id = %s", account_id) == foreign
    good, unreadable = capturable(scene.conn, Vault([new]), shard=0, shards=1)
    assert len(good) > 9
    assert [one.username for one in unreadable] == [username]


def test_s01_a_dump_holds_no_token_and_no_key_before_and_after_a_rotation(scene: Scene, tmp_path: Path) -> None:
    old, new = scene.settings.token_keys[0], key()
    rows = csv.DictReader(io.StringIO(scene.control("GET", "accounts.csv")))
    tokens = [row[name] for row in rows for name in ("access_token", "page_access_token") if row[name]]
    scene.tick()
    dumps = [dump(scene, tmp_path / "before.sql")]
    scene.settings = with_keys(scene.settings, new, old)
    assert rotated(scene.settings).tokens > 10
    scene.tick(MINUTES_5)
    dumps.append(dump(scene, tmp_path / "after.sql"))
    assert len(tokens) > 15
    for text in dumps:
        assert text.count("\\\\x674141") > 15, "the locked tokens are in it: bytes that begin with gAA"
        for secret in (*tokens, old.get_secret_value(), new.get_secret_value()):
            raw = secret.encode()
            for form in (secret, raw.hex(), base64.b64encode(raw).decode().rstrip("=")[:-1]):
                assert form not in text


def dump(scene: Scene, file: Path) -> str:
    programs.run(programs.find("pg_dump", 18), ["--format=plain", f"--file={file}"], scene.owner)
    return file.read_text()
