"""The console script as a person types it: a process of its own, a real Postgres, and a sandbox for the API."""

import base64
import csv
import hmac
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet
from psycopg import sql

from storykeep.capture.outage import snapshot
from storykeep.clock import system_clock
from storykeep.local.postgres import EmbeddedPostgres, uri
from storykeep.sandbox.serve import Running, sandbox
from storykeep.settings import FLAVOURS, Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

# The world's present is the machine's, since only `tick`, `build` and `tokens check` can be told another time.
NOW = system_clock().replace(microsecond=0)
CONTENT = ("media", "media_insights", "account_profiles", "account_insights", "audience")
RAW = ("story_listings", "stories", "story_insights", "media_files", "dead_letters", *CONTENT)
SHELL = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True)
class Shell:
    """What a person has: a folder, the settings in the environment, and the command."""

    folder: Path
    environ: dict[str, str]
    settings: Settings

    def run(self, *arguments: str, typed: str = "", **environ: str) -> "Done":
        done = subprocess.run(
            [sys.executable, "-m", "storykeep", *arguments],
            env=self.environ | environ, cwd=self.folder, input=typed, capture_output=True, text=True,
            timeout=180, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def all(self, query: str) -> list[tuple[object, ...]]:
        with connect(self.settings.warehouse, "storykeep_ingest") as conn:
            return conn.execute(query).fetchall()

    def raw(self) -> dict[str, object]:
        return {table: self.all(f"select count(*) from raw.{table}")[0][0] for table in RAW}  # noqa: S608


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def world() -> Iterator[Running]:
    with sandbox(accounts=14, seed=5, start=NOW - timedelta(days=14), history_days=14) as running:
        reply = requests.post(f"{running.cdn}/_sandbox/clock", json={"now": NOW.isoformat(), "speed": 1}, timeout=10)
        assert reply.ok, reply.text
        yield running


@pytest.fixture
def shell(warehouse: Settings, world: Running, tmp_path: Path) -> Shell:
    environ = {name: os.environ[name] for name in SHELL if name in os.environ} | {
        "COLUMNS": "200",
        "AIRFLOW_CONN_WAREHOUSE": uri(warehouse.warehouse),
        "AIRFLOW_CONN_WAREHOUSE_ADMIN": uri(warehouse.warehouse_admin),
        "STORYKEEP_TOKEN_KEYS": warehouse.token_keys[0].get_secret_value(),
        "STORYKEEP_WORK_DIR": str(tmp_path / "work"),
        "STORYKEEP_MEDIA_HOSTS": world.cdn.removeprefix("http://"),
    }
    for flavour in FLAVOURS:
        app = {"host": getattr(world, flavour), "login": world.app[flavour].id, "password": world.app[flavour].secret}
        environ[f"AIRFLOW_CONN_GRAPH_{flavour.upper()}"] = json.dumps(app)
    return Shell(tmp_path, environ, warehouse)


@pytest.fixture
def accounts(world: Running) -> list[dict[str, str]]:
    """The rows of the world's accounts file."""
    return list(csv.DictReader(io.StringIO(get(world, "accounts.csv"))))


@pytest.fixture
def connected(shell: Shell, world: Running) -> Shell:
    """A shell whose warehouse knows the world's accounts, with the tokens that they had at first."""
    assert requests.delete(f"{world.cdn}/_sandbox/grants", timeout=10).ok
    done = shell.run("accounts", "import", shell.file("accounts.csv", get(world, "accounts.csv")))
    assert (done.status, done.out, done.err) == (0, "13 connected, 1 not tracked\n", "")
    return shell


def get(world: Running, name: str) -> str:
    return requests.get(f"{world.cdn}/_sandbox/{name}", timeout=10).text


def csv_of(rows: Sequence[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def tokens_of(rows: Sequence[dict[str, str]]) -> list[str]:
    tokens = [row[column] for row in rows for column in ("access_token", "page_access_token") if row[column]]
    assert len(tokens) > 13
    return tokens


def test_a_tick_without_postgres_spools_and_the_next_one_lands_it(
    connected: Shell, accounts: list[dict[str, str]]
) -> None:
    nowhere = {"AIRFLOW_CONN_WAREHOUSE": uri(replace(connected.settings.warehouse, port=9))}
    first = connected.run("tick", **nowhere)
    assert first.status == 1
    assert first.err.startswith("storykeep: Postgres ")  # no tick has told yet whom to ask
    assert "replies" not in first.err
    assert connected.run("tick").status == 0
    later = f"{system_clock() + timedelta(minutes=20):%Y-%m-%dT%H:%M:%SZ}"
    away = connected.run("tick", "--at", later, **nowhere)
    assert (away.status, away.out) == (1, "")
    assert re.search(r"the warehouse is away \(.*refused\): [1-9]\d* replies spooled -> ", away.err), away.err
    assert not any(token in away.err for token in tokens_of(accounts))
    before = connected.raw()
    assert re.search(r"spool +[1-9]\d* files? of replies", connected.run("status").out)
    assert connected.run("tick", "--at", later).status == 0
    assert connected.raw()["story_listings"] > before["story_listings"]  # type: ignore[operator]
    assert "spool" not in connected.run("status").out


def test_db_upgrade_makes_a_warehouse_and_may_run_again(shell: Shell, postgres: EmbeddedPostgres) -> None:
    fresh = replace(shell.settings.warehouse, database="made_by_the_console")
    admin = replace(shell.settings.warehouse_admin, database=fresh.database)
    names = {"AIRFLOW_CONN_WAREHOUSE": uri(fresh), "AIRFLOW_CONN_WAREHOUSE_ADMIN": uri(admin)}
    try:
        first, second = (shell.run("db", "upgrade", **names) for _ in range(2))
        assert (first.status, first.err) == (0, "")
        assert first.out.startswith("warehouse is at revision ")
        assert (second.status, second.out) == (0, first.out)
        assert shell.run("accounts", "list", **names).status == 0
    finally:
        with connect(postgres.superuser) as conn:
            conn.autocommit = True
            conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(fresh.database)))


def test_one_bad_row_is_named_and_the_good_ones_go_in(shell: Shell, accounts: list[dict[str, str]]) -> None:
    accounts[2]["ig_user_id"] = "1.78E+16"
    file = shell.file("accounts.csv", csv_of(accounts))
    done = shell.run("accounts", "import", file)
    assert done.status == 1
    assert "connected" in done.out
    fault, verdict = done.err.splitlines()
    assert fault == (
        "accounts.csv line 4, column ig_user_id: '1.78E+16' is not a numeric id"
        " -> digits only, and no spreadsheet's 1.78E+16"
    )
    assert verdict == "storykeep: the file has 1 fault (above) -> mend what is told there and import it again"
    assert len(shell.all("select from app.accounts")) == len(accounts) - 1


def test_the_same_accounts_twice_change_nothing(connected: Shell) -> None:
    query = "select c::text, xmin::text from app.connections as c order by 1"
    before = connected.all(query)
    done = connected.run("accounts", "import", "accounts.csv")
    assert (done.status, done.out) == (0, "13 unchanged, 1 not tracked\n")
    assert connected.all(query) == before


def test_a_file_that_is_not_there_is_one_line(shell: Shell) -> None:
    done = shell.run("accounts", "import", "nowhere.csv")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "storykeep: nowhere.csv: this file cannot be read (No such file or directory) -> check the path\n"
    )


def test_without_a_token_key_nothing_is_imported(shell: Shell, accounts: list[dict[str, str]]) -> None:
    done = shell.run("accounts", "import", shell.file("accounts.csv", csv_of(accounts)), STORYKEEP_TOKEN_KEYS="")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("storykeep: STORYKEEP_TOKEN_KEYS: no token key is set -> make one with: python -c ")
    assert shell.all("select from app.accounts") == []


def test_the_list_shows_every_account_and_no_token(connected: Shell, accounts: list[dict[str, str]]) -> None:
    done = connected.run("accounts", "list")
    assert (done.status, done.err) == (0, "")
    assert [row["username"] for row in accounts if row["username"] not in done.out] == []
    assert done.out.count("not_tracked") == 1
    assert [token for token in tokens_of(accounts) if token in done.out] == []


def test_a_creators_wish_is_kept_and_shown(connected: Shell, accounts: list[dict[str, str]]) -> None:
    username = next(row["username"] for row in accounts if row["access_token"])
    assert connected.run("accounts", "pause", f"@{username}", "--by", "ida").out == f"@{username} is paused\n"
    assert connected.run("accounts", "manual", username).out == f"{username} is manual\n"
    assert connected.run("accounts", "manual", username).out == f"{username} was manual before\n"
    assert "1 manual" in connected.run("status").out
    assert connected.run("accounts", "list").out.count(" manual ") == 1
    assert connected.run("accounts", "resume", username).out == f"{username} is automatic\n"
    said = connected.all("select mode, author = 'ida' from app.capture_modes order by since")
    assert said == [("paused", True), ("manual", False), ("automatic", False)]


@pytest.mark.parametrize("wish", ["pause", "manual", "disconnect"])
def test_who_is_to_be_left_alone_is_so_at_once_even_if_postgres_goes_away(connected: Shell, wish: str) -> None:
    assert connected.run("tick").status == 0
    spool = connected.folder / "work" / "spool"
    asked = snapshot.read(spool, shard=0, shards=1)
    assert asked is not None
    username = min(one.username for one in asked.connections.values())
    assert connected.run("accounts", wish, username).status == 0
    now_asked = snapshot.read(spool, shard=0, shards=1)
    assert now_asked is not None
    left_out = asked.connections.keys() - now_asked.connections.keys()
    assert [asked.connections[account_id].username for account_id in left_out] == [username]
    assert now_asked.stories.keys() == asked.stories.keys()


def test_a_row_in_quarantine_is_shown_and_let_in_once(connected: Shell, accounts: list[dict[str, str]]) -> None:
    username, ig_user_id = accounts[0]["username"], accounts[0]["ig_user_id"]
    with connect(connected.settings.warehouse, "storykeep_owner") as conn:
        node = {"id": "301", "timestamp": NOW.isoformat(), "media_type": "HOLOGRAM"}
        conn.execute(
            "insert into raw.stories (story_id, account_id, captured_at, run_id, payload, content_hash)"
            " select %s, account_id, %s, 'run', %s, 'hash' from app.accounts where ig_user_id = %s",
            ["301", NOW, json.dumps(node), ig_user_id],
        )
        conn.execute(
            "insert into app.quarantine (table_name, landing_id, account_id, reason, quarantined_at)"
            " select 'stories', landing_id, account_id, 'a story is of a known type', captured_at from raw.stories"
        )
    assert "1 of raw.stories; see: storykeep quarantine list" in connected.run("status").out
    assert re.search(rf"stories +1 +{username} .* a story is of a known type", connected.run("quarantine", "list").out)
    release = ("quarantine", "release", "stories", "1", "--by", "ida")
    assert connected.run(*release).out == "raw.stories 1: the next build takes it in\n"
    assert re.search(r"a story is of a known type .*ida", connected.run("quarantine", "list").out)
    assert "quarantine" not in connected.run("status").out
    again = connected.run(*release)
    assert (again.status, again.err) == (
        1,
        "storykeep: raw.stories 1: is not in quarantine -> see: storykeep quarantine list\n",
    )


def test_disconnect_forgets_the_token_of_one_account(connected: Shell, accounts: list[dict[str, str]]) -> None:
    username = next(row["username"] for row in accounts if row["access_token"])
    done = connected.run("accounts", "disconnect", f"@{username}")
    assert (done.status, done.out.splitlines()[0]) == (0, f"@{username} is disconnected; its history is kept")
    kept = "select username from app.accounts join app.connections using (account_id) where token_encrypted is null"
    assert connected.all(kept) == [(username,)]
    again = connected.run("accounts", "disconnect", username)
    assert (again.status, again.out) == (0, f"{username} was disconnected before\n")
    unknown = connected.run("accounts", "disconnect", "nobody")
    assert (unknown.status, unknown.err) == (
        1,
        "storykeep: @nobody: there is no such account -> see: storykeep accounts list\n",
    )


def signed_request(secret: str, user_id: str) -> str:
    """What Meta would send about this user now."""
    told = {"algorithm": "HMAC-SHA256", "issued_at": int(system_clock().timestamp()), "user_id": user_id}
    body = base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=")
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), body, "sha256")).rstrip(b"=")
    return f"{signature.decode()}.{body.decode()}"


def test_metas_callbacks_end_a_connection_and_ask_for_a_deletion_that_is_then_carried_out(
    connected: Shell, world: Running
) -> None:
    ((username, ig_user_id),) = connected.all(
        "select username, ig_user_id from app.accounts join app.connections using (account_id)"
        " where login_flavour = 'instagram' order by 1 limit 1"
    )
    sent = signed_request(world.app["instagram"].secret, str(ig_user_id))
    read = ("--signed-request", "-")
    forged = connected.run("accounts", "deauthorise", *read, typed=signed_request("another secret", str(ig_user_id)))
    assert (forged.status, forged.out) == (1, "")
    assert forged.err.startswith("storykeep: signed_request: refused: it is not signed with the secret of an app")
    done = connected.run("accounts", "deauthorise", *read, typed=sent)
    assert (done.status, done.out, done.err) == (0, f"@{username} is revoked\n", "")

    ask = ("accounts", "delete-request", *read, "--status-url", "https://example.org/deletion")
    first, second = (json.loads(connected.run(*ask, typed=sent).out) for _ in range(2))
    assert first == second
    assert first["url"] == f"https://example.org/deletion/{first['confirmation_code']}"
    assert "not done yet" in connected.run("accounts", "deletion", first["confirmation_code"]).out
    carried = connected.run("accounts", "purge", "--requested")
    assert (carried.status, carried.err) == (0, "")
    assert re.search(r"^ +1  app\.accounts$", carried.out, re.MULTILINE)
    assert "done at" in connected.run("accounts", "deletion", first["confirmation_code"]).out
    assert connected.all("select count(*) from app.accounts") == [(13,)]


def test_a_purge_asks_first_and_prints_its_certificate(connected: Shell, accounts: list[dict[str, str]]) -> None:
    row = next(row for row in accounts if row["access_token"])
    receipt = connected.run("accounts", "export", row["username"], "receipt.zip")
    assert receipt.status == 0 and receipt.out.startswith("receipt.zip holds ")
    assert connected.run("accounts", "purge", row["username"], typed="n\n").status == 1
    assert connected.all("select count(*) from app.account_tombstones") == [(0,)]
    done = connected.run("accounts", "purge", f"@{row['username']}", "--yes")
    assert done.status == 0
    assert re.search(r"^deletion request [0-9a-f]{32}: done at ", done.out)
    assert re.search(r"^ +1  app\.connections$", done.out, re.MULTILINE)
    assert connected.run("accounts", "import", "accounts.csv").out == "1 still purged, 12 unchanged, 1 not tracked\n"
    gone = connected.run("accounts", "purge", row["username"], "--yes")
    assert (gone.status, gone.err.partition(" -> ")[0]) == (
        1,
        f"storykeep: @{row['username']}: there is no such account",
    )


def test_one_account_is_refreshed_up_to_its_limit(connected: Shell) -> None:
    ((username,),) = connected.all(
        "select username from app.accounts join app.connections using (account_id)"
        " where login_flavour = 'facebook' order by 1 limit 1"
    )
    done = connected.run("accounts", "refresh", f"@{username}")
    assert (done.status, done.err) == (0, "")
    assert "1 listings" in done.out
    assert connected.all("select distinct username from raw.story_listings join app.accounts using (account_id)") == [
        (username,)
    ]
    for _ in range(3):
        connected.run("accounts", "refresh", str(username))
    refused = connected.run("accounts", "refresh", str(username))
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith(
        f"storykeep: @{username}: refreshed 4 times within the last hour already -> it may be"
    )


def test_a_diagnosis_says_what_is_wrong_and_who_must_do_what(connected: Shell) -> None:
    handles = connected.all("select username from app.accounts join app.connections using (account_id) order by 1")
    found = {str(username): connected.run("accounts", "diagnose", f"@{username}") for (username,) in handles[:4]}
    username, well = next((username, done) for username, done in found.items() if done.status == 0)
    assert {line.split()[0] for line in well.out.splitlines()} == {"ok"}
    connected.run("accounts", "disconnect", username)
    ended = connected.run("accounts", "diagnose", username)
    assert ended.status == 1
    assert ended.out.split("\n")[:2] == [
        "WRONG      connection: disconnected",
        "           brand contact: ask the creator to connect again if tracking is wanted",
    ]


def test_campaigns_go_in_once_and_tell_what_they_change(connected: Shell, world: Running) -> None:
    text = get(world, "campaigns.yaml")
    file = connected.file("campaigns.yaml", text)
    told = connected.run("campaigns", "import", file, "--dry-run")
    assert (told.status, told.err) == (0, "")
    assert connected.all("select from app.brands") == []
    first, second = (connected.run("campaigns", "import", file, "--by", "ida") for _ in range(2))
    assert (first.status, first.err) == (0, "")
    assert first.out.splitlines()[0] == "brand lumen_skin (new)"
    assert "  + rule link northtrail.example/first-snow" in first.out.splitlines()
    assert first.out.splitlines()[-1] == "3 brands, 6 campaigns, 9 of them new or changed"
    assert told.out.replace("would be new", "new") == first.out
    assert (second.status, second.out) == (0, "3 brands, 6 campaigns, 0 of them new or changed\n")
    changed = connected.file("campaigns.yaml", text.replace("name: Glow Week", "name: Glow Days"))
    assert connected.run("campaigns", "import", changed).out.splitlines() == [
        "campaign lumen_glow_week (changed)",
        "  ~ name: Glow Week -> Glow Days",
        "3 brands, 6 campaigns, 1 of them new or changed",
    ]
    listed = connected.run("campaigns", "list")
    ids = [str(campaign_id) for (campaign_id,) in connected.all("select campaign_id from app.campaigns")]
    assert len(ids) == 6
    assert [campaign_id for campaign_id in ids if campaign_id not in listed.out] == []
    authors = connected.all("select distinct author from app.campaign_versions where version = 1")
    assert authors == [("ida",)]
    exported = connected.run("campaigns", "export")
    assert (exported.status, exported.err) == (0, "")
    again = connected.run("campaigns", "import", connected.file("exported.yaml", exported.out))
    assert again.out == "3 brands, 6 campaigns, 0 of them new or changed\n"
    assert connected.run("campaigns", "export", "exported.yaml").out == "exported.yaml is written\n"
    assert (connected.folder / "exported.yaml").read_text(encoding="utf-8") == exported.out


def test_the_switch_of_a_campaign_is_turned_from_now_on_and_its_history_is_shown(
    connected: Shell, world: Running
) -> None:
    connected.run("campaigns", "import", connected.file("campaigns.yaml", get(world, "campaigns.yaml")))
    turn = ("campaigns", "switch", "lumen_glow_week")
    on = connected.run(*turn, "on", "--by", "ida", "--reason", "the brand asked")
    assert (on.status, on.err) == (0, "")
    assert re.fullmatch(r"manual tracking of lumen_glow_week is on since [-0-9]+ [:0-9]+ UTC\n", on.out)
    again = connected.run(*turn, "on")
    assert (again.status, again.out) == (
        0,
        "manual tracking of lumen_glow_week is on already; nothing was changed\n",
    )
    (line,) = (line for line in connected.run("campaigns", "list").out.splitlines() if "glow_week" in line)
    assert line.split()[-1] == "on"
    shown = connected.run("campaigns", "show", "lumen_glow_week").out.splitlines()
    assert "name: Glow Week" in shown
    assert shown[-1].endswith(" UTC  ida: manual tracking switched on: the brand asked")
    (row,) = connected.all(
        "select is_on, author, reason, switched_at > now() - interval '1 hour' from app.tracking_switches"
    )
    assert row == (True, "ida", "the brand asked", True)
    wrong = connected.run("campaigns", "switch", "glow", "on")
    assert (wrong.status, wrong.out) == (1, "")
    assert wrong.err == "storykeep: glow: there is no such campaign -> see: storykeep campaigns list\n"


def test_the_same_tick_twice_changes_nothing(connected: Shell) -> None:
    at = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    first = connected.run("tick", "--at", at)
    assert first.status == 0, first.err
    assert "listings" in first.out
    before = connected.raw()
    assert before["story_insights"]
    assert connected.all("select distinct captured_at from raw.story_listings") == [(NOW,)]
    second = connected.run("tick", "--at", at)
    assert second.status == 0, second.err
    assert connected.raw() == before


def test_the_content_is_read_once_at_a_time(connected: Shell, accounts: list[dict[str, str]]) -> None:
    at = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    first = connected.run("sync-content", "--at", at)
    assert first.status == 0, first.err
    assert " lists of posts, " in first.out
    assert [token for token in tokens_of(accounts) if token in first.out + first.err] == []
    before = connected.raw()
    assert all(before[table] for table in CONTENT)
    second = connected.run("sync-content", "--at", at)
    assert second.status == 0, second.err
    assert second.out.startswith("nothing was ")
    assert connected.raw() == before


def test_no_token_is_printed_by_a_tick(connected: Shell, accounts: list[dict[str, str]]) -> None:
    done = connected.run("tick")
    assert "listings" in done.out
    assert [token for token in tokens_of(accounts) if token in done.out + done.err] == []


def test_a_lost_token_key_costs_the_accounts_that_it_locked_and_no_other(
    shell: Shell, accounts: list[dict[str, str]]
) -> None:
    victim, *others = accounts
    assert victim["access_token"], "the first account of the world is connected"
    lost = Fernet.generate_key().decode()
    shell.run("accounts", "import", shell.file("one.csv", csv_of([victim])), STORYKEEP_TOKEN_KEYS=lost)
    shell.run("accounts", "import", shell.file("others.csv", csv_of(others)))
    done = shell.run("tick")
    assert done.status == 1
    handle = f"@{victim['username']}"
    assert f"{handle}" in done.err.splitlines()[0]
    assert "none of the token keys opens this token -> put the key that locked it back" in done.err
    assert done.err.splitlines()[-1].startswith(f"storykeep: not captured: our_outage: {handle} -> ")
    assert shell.all("select status, causes -> 'our_outage' from app.runs where kind = 'capture'") == [
        ("trouble", [victim["username"]])
    ]
    listed = shell.all("select count(distinct account_id) from raw.story_listings where status = 'ok'")
    assert listed[0][0] == len([row for row in others if row["access_token"]]) - 1  # one token of the world is expired


def test_rotated_tokens_need_the_old_key_no_more(connected: Shell) -> None:
    old, new = connected.environ["STORYKEEP_TOKEN_KEYS"], Fernet.generate_key().decode()
    first = connected.run("tokens", "rotate", STORYKEEP_TOKEN_KEYS=f"{new},{old}")
    assert first.status == 0, first.err
    assert re.match(r"2\d tokens encrypted anew with the first key\nall tokens open with it", first.out)
    assert "listings" in connected.run("tick", STORYKEEP_TOKEN_KEYS=new).out
    again = connected.run("tokens", "rotate", STORYKEEP_TOKEN_KEYS=new)
    assert (again.status, again.out.splitlines()[0]) == (0, "0 tokens encrypted anew with the first key")
    without = connected.run("tokens", "rotate")
    assert without.status == 1
    lines = without.err.splitlines()
    assert all(
        line.startswith("@") and "none of the token keys opens this token -> put the key" in line for line in lines[:-1]
    )
    assert len(lines) == 14
    assert lines[-1].startswith("storykeep: 13 connections could not be rotated (above) -> ")


def test_token_trouble_is_told_once(connected: Shell) -> None:
    first = connected.run("tokens", "check")
    assert first.status == 1
    lines = [line for line in first.err.splitlines() if " left; " in line or "no end known; " in line]
    assert len(lines) == 3
    assert all(line.startswith("@") for line in lines)
    for what in ("expired (token_expired)", "data_access_ending", "missing_scope: instagram_manage_insights"):
        assert sum(what in line for line in lines) == 1, what
    second = connected.run("tokens", "check")
    assert (second.status, second.out) == (0, "every connection is well, or its trouble was told before\n")


def test_a_snoozed_account_is_not_told_of_until_it_is_woken(connected: Shell) -> None:
    ((username,),) = connected.all(
        "select username from app.accounts join app.connections using (account_id)"
        " where data_access_expires_at between now() and now() + interval '14 days'"
    )
    said = connected.run("tokens", "snooze", f"@{username}", "--until", "2999-01-01", "--by", "ida")
    assert (said.status, said.out) == (0, f"@{username} is not told of until 2999-01-01 00:00 UTC\n")
    assert f"@{username} until 2999-01-01" in connected.run("status").out
    first = connected.run("tokens", "check").err.splitlines()
    lines = [line for line in first if " left; " in line or "no end known; " in line]
    assert len(lines) == 2
    assert not any(username in line for line in lines)
    woken = connected.run("tokens", "snooze", username, "--until", "2026-01-01")
    assert woken.out == f"{username} is told of again\n"
    second = connected.run("tokens", "check")
    assert second.status == 1
    assert any(line.startswith(f"@{username}: data_access_ending") for line in second.err.splitlines())
    assert connected.all("select author = 'ida' from app.snoozes order by snooze_id") == [(True,), (False,)]


def test_the_forecast_names_who_lapses_before_a_deliverable(connected: Shell, world: Running) -> None:
    assert connected.run("tokens", "forecast").out == "nobody lapses before the last story of a campaign has lived\n"
    connected.run("campaigns", "import", connected.file("campaigns.yaml", get(world, "campaigns.yaml")))
    connected.run("tokens", "check")
    done = connected.run("tokens", "forecast")
    assert (done.status, done.err) == (0, "")
    header, *rows = done.out.splitlines()
    assert header.split() == ["username", "campaign", "lapses", "at", "needed", "until", "owner", "remedy"]
    lapsed = {
        username
        for (username,) in connected.all(
            "select username from app.accounts join app.connections using (account_id)"
            " where status in ('expired', 'expiring')"
        )
    }
    assert {row.split()[0] for row in rows} <= lapsed
    assert all("connect the account again" in row for row in rows)
    assert rows


def test_status_is_unwell_until_a_tick_has_been(connected: Shell) -> None:
    before = connected.run("status")
    assert before.status == 1
    assert "UNHEALTHY: no capture tick has ever finished well" in before.out
    assert connected.run("tick").status == 0
    after = connected.run("status")
    assert (after.status, after.err) == (0, "")
    assert "UNHEALTHY" not in after.out
    with connect(connected.settings.warehouse, "storykeep_ingest") as conn:
        conn.execute("update app.runs set finished_at = finished_at - interval '2 h'")
    stale = connected.run("status")
    assert stale.status == 1
    assert "UNHEALTHY: the last good tick is 2 h" in stale.out


def test_a_database_that_is_not_there_is_one_line(shell: Shell, postgres: EmbeddedPostgres) -> None:
    empty = uri(replace(shell.settings.warehouse, database="never_made"))
    done = shell.run("tick", AIRFLOW_CONN_WAREHOUSE=empty)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"storykeep: Postgres 'never_made' at 127.0.0.1:{postgres.port}: ")
    assert done.err.count("\n") == 1
    assert 'database "never_made" does not exist' in done.err


def test_entries_are_taken_in_shown_approved_and_taken_back(connected: Shell, accounts: list[dict[str, str]]) -> None:
    handle = accounts[0]["username"]
    shown = connected.run("entries", "template", "story_metrics").out
    header = shown.splitlines()[0]
    assert header.startswith("account,evidence,story_id,")
    (connected.folder / "november").mkdir()
    (connected.folder / "november" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    rows = f"account,evidence,story_id,views\n@{handle},a.png,1801,12\n@{handle},a.png,1802,-3\n"
    arguments = ("entries", "load", connected.file("november.csv", rows), "--kind", "story_metrics")
    dry = connected.run(*arguments, "--dry-run")
    assert (dry.status, dry.out) == (1, "would land: 1, unchanged: 0, rejected: 1\n")
    assert connected.all("select from raw.manual_entries") == []

    done = connected.run(*arguments, "--by", "ida")
    assert (done.status, done.out) == (1, "landed: 1, unchanged: 0, rejected: 1\n")
    assert done.err.splitlines() == [
        "row 3, column views: '-3' is negative -> a count is 0 or more; leave it empty if it is unknown",
        "storykeep: november.csv: 1 row rejected -> mend november.csv.rejected.csv and load that",
    ]
    ((entry_id,),) = connected.all("select entry_id from raw.manual_entries")
    entry = str(entry_id)[:12]
    listed = connected.run("entries", "list").out
    assert entry in listed and "views 12" in listed and "november.csv" in listed

    own = connected.run("entries", "approve", entry, "--by", "Ida")
    assert (own.status, own.out) == (1, "")
    assert "whoever entered numbers may not approve them -> let another person look" in own.err
    assert connected.run("entries", "approve", "--all", "--by", "ida").out == "approved: 0\n"
    assert connected.run("entries", "approve", "--file", "november.csv", "--by", "bo").out == "approved: 1\n"
    assert connected.run("entries", "reject", entry, "--by", "eve", "--note", "blurred").out == "rejected: 1\n"
    assert connected.run("entries", "withdraw", entry, "--by", "ida").out == f"{entry} is withdrawn by version 2\n"
    for words in (["approve"], ["approve", entry, "--all"], ["reject"], ["approve", entry, "--file", "a.csv"]):
        wrong = connected.run("entries", *words)
        assert (wrong.status, wrong.err.startswith("storykeep: entries: which entries? -> ")) == (1, True), words
