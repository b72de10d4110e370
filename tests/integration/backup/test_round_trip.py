"""A backup of a warehouse in use, restored elsewhere: the same in every respect, and it goes on."""

import csv
import re
import subprocess
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
import requests
from tests.integration.capture.conftest import EVENING, Scene
from tests.marts import MARTS

from storykeep.backup.programs import command, find
from storykeep.backup.proof import EQUAL, Proof, prove
from storykeep.backup.restore import restore
from storykeep.sandbox.serve import Running
from storykeep.settings import PostgresSettings, Settings
from storykeep.transform.build import build_marts
from storykeep.warehouse import connect

from .conftest import Backup

pytestmark = pytest.mark.integration

SCHEMAS = ("app", "raw", "staging", "intermediate", "build", "marts")


def proofs(settings: Settings) -> dict[str, Proof]:
    with connect(settings.warehouse_admin) as conn:
        return prove(conn)


def raw_rows(tables: dict[str, Proof]) -> int:
    return sum(proof.rows for name, proof in tables.items() if name.startswith("raw."))


def schema(login: PostgresSettings) -> list[str]:
    """Every definition, owner, grant, policy and comment, as SQL."""
    done = subprocess.run(
        command(find("pg_dump", 18), ["--schema-only"], login),
        env={"PGPASSWORD": login.password.get_secret_value()}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if not re.match(r"\\(un)?restrict ", line)]


def rights_on_the_database(settings: Settings) -> list[str]:
    with connect(settings.warehouse_admin) as conn:
        rows = conn.execute(
            "select unnest(datacl)::text from pg_database where datname = current_database() order by 1"
        )
        return [right for (right,) in rows]


def bi(settings: Settings) -> psycopg.Connection:
    assert settings.bi_password is not None
    return connect(replace(settings.warehouse, user="storykeep_bi", password=settings.bi_password))


def assert_bi_reads_marts_and_nothing_else(settings: Settings) -> None:
    with connect(settings.warehouse_admin) as conn:
        relations = conn.execute(
            "select relnamespace::regnamespace::text, relname from pg_class"
            " where relkind in ('r', 'p', 'v') and relnamespace::regnamespace::text = any(%s)",
            [list(SCHEMAS)],
        ).fetchall()
    assert {place for place, _ in relations} == set(SCHEMAS)
    readable = set()
    with bi(settings) as conn:
        conn.autocommit = True
        for place, name in relations:
            try:
                conn.execute(f"select from {place}.{name} limit 1")
                readable.add((place, name))
            except psycopg.errors.InsufficientPrivilege:
                continue
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("create temporary table t ()")
    assert readable == {("marts", mart) for mart in MARTS}


def test_a_restored_warehouse_is_equal_is_as_closed_and_goes_on(
    full: Backup, target: Settings, running: Running
) -> None:
    done = restore(target, full.file)
    assert {table.proof for table in done.tables} == {EQUAL}
    assert proofs(target) == full.manifest.tables == proofs(full.source)
    assert schema(target.warehouse_admin) == schema(full.source.warehouse_admin)
    assert rights_on_the_database(target) == rights_on_the_database(full.source)
    assert_bi_reads_marts_and_nothing_else(target)

    goes_on = replace(full.source, connections=full.source.connections | target.connections)
    with connect(target.warehouse, "storykeep_ingest") as conn:
        conn.autocommit = True
        scene = Scene(running, goes_on, conn, target.warehouse_admin, now=EVENING)
        run = scene.tick(timedelta(minutes=30))
        assert run.counts["readings"] > 0
        assert scene.one("select count(*) from raw.story_insights") > full.manifest.tables["raw.story_insights"].rows
    counts = build_marts(goes_on, scene.now)
    assert counts["new raw rows"] == raw_rows(proofs(target)) - raw_rows(full.manifest.tables) > 0
    assert counts["mart rows changed"] > 0


def test_the_manifest_counts_what_is_there_and_a_partitioned_table_once(full: Backup) -> None:
    tables = full.manifest.tables
    assert {f"marts.{mart}" for mart in MARTS} <= tables.keys()
    assert {"app.connections", "raw.story_listings", "raw.story_insights", "intermediate.release"} <= tables.keys()
    assert [name for name in tables if re.search(r"_\d{8}$", name)] == []
    with connect(full.source.warehouse_admin) as conn:
        for name, proof in tables.items():
            assert conn.execute(f"select count(*) from {name}").fetchone() == (proof.rows,), name  # noqa: S608
    assert tables["raw.story_insights"].rows > 0
    assert (tables["raw.story_insights_kept"].rows, tables["raw.listing_days"].rows) == (1, 1)
    assert full.manifest.made_at == EVENING


def test_both_files_are_for_their_owner_only(full: Backup) -> None:
    files = sorted(full.file.parent.iterdir())
    assert [(path.name, path.stat().st_mode & 0o777) for path in files] == [
        ("warehouse.dump", 0o600),
        ("warehouse.dump.json", 0o600),
    ]


def test_a_backup_holds_no_token_and_no_password(full: Backup, running: Running) -> None:
    login = full.source.warehouse_admin
    text = subprocess.run(
        [str(find("pg_restore", 18)), "--file=-", str(full.file)], capture_output=True, text=True, check=True
    ).stdout
    assert "COPY app.connections " in text
    assert login.password.get_secret_value() not in text + full.file.with_name("warehouse.dump.json").read_text()
    assert full.source.token_keys[0].get_secret_value() not in text
    accounts = csv.DictReader(requests.get(f"{running.facebook}/_sandbox/accounts.csv", timeout=10).text.splitlines())
    tokens = [row[column] for row in accounts for column in ("access_token", "page_access_token") if row[column]]
    assert len(tokens) > 13
    assert [token for token in tokens if token in text or token.encode().hex() in text] == []
