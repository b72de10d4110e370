"""Rows that are not as agreed are put aside with their reason, whatever is wrong with them, and may be let in again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.dbt.world import AS_OF, at, fill, insert, landed

from storykeep.errors import StorykeepError
from storykeep.landing.retention import old_partitions, retire
from storykeep.quality import landing
from storykeep.quality.landing import check_landing
from storykeep.quality.quarantine import held, release
from storykeep.quality.rules import COUNTS, METRICS, RULES
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

NODE = {"timestamp": "2026-11-11T00:00:00+0000", "media_type": "IMAGE"}
STORY: dict[str, Any] = {"story_id": "9", "payload": NODE | {"id": "9"}}
REPLY: dict[str, Any] = {"status": "ok", "metric_group": "core"}
FILE: dict[str, Any] = {"kind": "media", "status": "archived", "content_hash": "a" * 64, "size_bytes": 1}
ENTRY: dict[str, Any] = {"entry_id": "e", "version": 1, "kind": "story_metrics", "author": "ann"}
STRANGER = {"account_id": "nobody"}
GOOD_DATA: dict[str, Any] = {"data": [{"name": "views", "values": [{"value": 2}]}]}


def count(value: Any) -> dict[str, Any]:
    return {"data": [{"name": "views", "values": [{"value": value}]}]}


def secret(payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {"paging": {"next": {"access_token": "t"}}}


def story(**changed: Any) -> dict[str, Any]:
    return STORY | {"payload": NODE | {"id": "9"} | changed}


def post(**changed: Any) -> dict[str, Any]:
    return {"media_id": "9", "payload": NODE | {"id": "9"} | changed}


# Rows that break a rule, by table and claim: more than one where there is more than one way to.
BAD: dict[str, dict[str, list[dict[str, Any]]]] = {
    "story_listings": {
        "a row belongs to a known account": [STRANGER | {"status": "ok", "payload": {}}],
        "a failed listing says why, in a known word": [
            {"status": "failed", "cause": "bad_luck"},
            {"status": "failed"},
        ],
        "a good listing names its stories": [{"status": "ok"}, {"status": "ok", "payload": [1]}],
    },
    "stories": {
        "a row belongs to a known account": [STORY | STRANGER],
        "the id of a story is a number, as text": [{"story_id": "x9", "payload": NODE | {"id": "x9"}}],
        "a story node says which story it is, as text": [
            story(id=9),
            story(id="8"),
            {"story_id": "9", "payload": NODE},
        ],
        "a story node says when it was posted": [story(timestamp="soon"), story(timestamp=None), story(timestamp=17)],
        "a story is of a known type": [story(media_type="HOLOGRAM")],
        "the texts of a story are texts": [
            story(caption=7),
            story(permalink=True),
            story(caption={"text": "a"}),
            story(username=["a"]),
        ],
        "no secret of Meta's is kept": [STORY | {"payload": secret(NODE | {"id": "9"})}],
    },
    "story_insights": {
        "a row belongs to a known account": [REPLY | STRANGER | {"story_id": "9", "payload": GOOD_DATA}],
        "a good reply is a list of metrics with names": [
            REPLY | {"story_id": "9", "payload": payload}
            for payload in ({}, {"data": None}, {"data": {}}, {"data": [{}]}, {"data": [{"name": 5}]}, {"data": ["a"]})
        ],
        "a count is a whole number, not negative and of at most 15 digits": [
            REPLY | {"story_id": "9", "payload": count(value)} for value in ("7", -1, 1.5, 2**53, 10**30, True)
        ],
        "no secret of Meta's is kept": [REPLY | {"story_id": "9", "payload": secret(GOOD_DATA)}],
    },
    "media_files": {
        "a row belongs to a known account": [FILE | STRANGER | {"story_id": "9", "path": f"aa/{'a' * 64}"}],
        "an archived file has bytes and the name of its hash": [
            FILE | {"story_id": "9", "path": f"aa/{'a' * 64}", "size_bytes": 0},
            FILE | {"story_id": "9", "path": f"aa/{'b' * 64}"},
            FILE | {"story_id": "9", "path": "p/short", "content_hash": "short"},
        ],
    },
    "media": {
        "a row belongs to a known account": [post() | STRANGER],
        "the id of a post is a number, as text": [{"media_id": "x9", "payload": NODE | {"id": "x9"}}],
        "a post node says which post it is, as text": [post(id=9)],
        "a post node says when it was posted": [post(timestamp="soon")],
        "a post is of a known type": [post(media_type="HOLOGRAM")],
        "the texts of a post are texts": [post(permalink=1)],
        "no secret of Meta's is kept": [{"media_id": "9", "payload": secret(NODE | {"id": "9"})}],
    },
    "media_insights": {
        "a row belongs to a known account": [REPLY | STRANGER | {"media_id": "9", "payload": GOOD_DATA}],
        "a good reply is a list of metrics with names": [REPLY | {"media_id": "9", "payload": {"data": None}}],
        "a value is a number, not negative and of at most 15 digits": [
            REPLY | {"media_id": "9", "payload": count(value)} for value in (-1, "1.5", 2**53)
        ],
        "no secret of Meta's is kept": [REPLY | {"media_id": "9", "payload": secret(GOOD_DATA)}],
    },
    "account_profiles": {
        "a row belongs to a known account": [STRANGER | {"payload": {"followers_count": 3}}],
        "a profile is an object": [{"payload": [3]}],
        "a profile's counts are whole numbers, not negative": [
            {"payload": {"followers_count": "3"}},
            {"payload": {"media_count": -1}},
        ],
        "no secret of Meta's is kept": [{"payload": secret({})}],
    },
    "account_insights": {
        "a row belongs to a known account": [REPLY | STRANGER | {"payload": GOOD_DATA}],
        "a good reply is a list of metrics with names": [REPLY | {"payload": {"data": None}}],
        "a value is a number, not negative and of at most 15 digits": [REPLY | {"payload": count(True)}],
        "no secret of Meta's is kept": [REPLY | {"payload": secret(GOOD_DATA)}],
    },
    "audience": {
        "a row belongs to a known account": [STRANGER | {"payload": GOOD_DATA}],
        "a good reply is a list of metrics with names": [{"payload": {"data": None}}],
        "a value is a number, not negative and of at most 15 digits": [{"payload": count("12")}],
        "no secret of Meta's is kept": [{"payload": secret(GOOD_DATA)}],
    },
    "manual_entries": {
        "a row belongs to a known account": [ENTRY | STRANGER | {"payload": {}}],
        "a story that was entered says whose it is and when it was posted": [
            ENTRY | {"kind": "story_capture", "payload": {}},
            ENTRY | {"kind": "creator_upload", "account_id": None, "payload": {"posted_at": "2026-11-11T00:00:00Z"}},
        ],
        "posted_at of an entry is a moment": [ENTRY | {"payload": {"posted_at": "yesterday at tea"}}],
        "observed_at of an entry is a moment": [ENTRY | {"payload": {"observed_at": "13/13/2026"}}],
        "the numbers of an entry are whole, not negative and of at most 15 digits": [
            ENTRY | {"payload": {"metrics": {"views": value}}} for value in ("7", -1, 1.5, 2**53)
        ],
    },
}
ALWAYS: dict[str, dict[str, Any]] = {
    "account_insights": {"since": at(10, 8), "until": at(11, 8)},
    "audience": {"metric": "follower_demographics", "dimension": "age", "status": "ok"},
}


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        conn.autocommit = True
        fill(conn)
        yield conn


def land(conn: psycopg.Connection, table: str, row: dict[str, Any], number: int = 0) -> int:
    """Land a row, which `number` tells from others; returns its landing id."""
    values = ALWAYS.get(table, {}) | row | {"run_id": f"run {number}"}
    for name in {"metric_group", "entry_id"} & row.keys():
        values[name] = f"{name} {number}"
    if table != "media_files":
        values["content_hash"] = f"{number:064d}"
    if isinstance(values.get("payload"), list):
        values["payload"] = Jsonb(values["payload"])
    landed(conn, table, at(11, 1) + timedelta(minutes=number), **values)
    ((landing_id,),) = conn.execute(f"select max(landing_id) from raw.{table}").fetchall()  # noqa: S608 (names of ours)
    return int(landing_id)


def test_every_rule_puts_aside_what_breaks_it_and_says_so(
    warehouse: Settings,
    conn: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {table: list(claims) for table, claims in BAD.items()} == {
        table: [rule.claim for rule in rules] for table, rules in RULES.items()
    }
    monkeypatch.setattr(landing, "FEWEST_TO_STOP", 1000)
    expected = {}
    for table, claims in BAD.items():
        rows = [(claim, row) for claim, rows in claims.items() for row in rows]
        for number, (claim, row) in enumerate(rows, start=1):
            expected[table, land(conn, table, row, number)] = claim
    found = check_landing(warehouse, AS_OF)
    told = {(one.table, one.landing_id): one.reason for one in held(conn)}
    of_the_world = told.keys() - expected.keys()
    assert {row: told[row] for row in told.keys() - of_the_world} == expected
    assert {(table, told[table, row]) for table, row in of_the_world} == {
        ("story_insights", METRICS.claim),
        ("story_insights", COUNTS.claim),
    }
    assert found.quarantined == len(told)
    unheard = [f"landing of raw.{table}: {claim}: found" for table, claims in BAD.items() for claim in claims]
    assert [line for line in unheard if line not in caplog.text] == []
    assert "quarantine: 3 rows of raw.stories: not so: a story node says when it was posted" in caplog.text
    assert check_landing(warehouse, AS_OF).quarantined == 0


def test_who_lets_a_row_in_is_kept_and_a_row_that_the_marts_cannot_do_with_stays(
    warehouse: Settings, conn: psycopg.Connection
) -> None:
    unknown, timeless = land(conn, "stories", STORY | STRANGER, 1), land(conn, "stories", story(timestamp="soon"), 2)
    typed = land(conn, "stories", story(media_type="HOLOGRAM"), 3)
    check_landing(warehouse, AS_OF)
    with connect(warehouse.warehouse, "storykeep_ingest") as ingest:
        release(ingest, "stories", typed, "ann", at(12, 13))
        for landing_id, claim in ((unknown, "belongs to a known account"), (timeless, "says when it was posted")):
            with pytest.raises(StorykeepError, match=rf"raw.stories {landing_id}: cannot be let in.*{claim}"):
                release(ingest, "stories", landing_id, "ann", at(12, 13))
        for nothing in (("stories", typed), ("stories", 10**9), ("nonsense", 1)):
            with pytest.raises(StorykeepError, match="is not in quarantine -> see: storykeep quarantine list"):
                release(ingest, *nothing, "ann", at(12, 13))
    # Where the rule holds by now, the row may go.
    insert(conn, "app.accounts", account_id="nobody", creator_id="c1", ig_user_id="5", username="known", added_at=AS_OF)
    with connect(warehouse.warehouse, "storykeep_ingest") as ingest:
        release(ingest, "stories", unknown, "bea", at(12, 14))
    assert [(one.landing_id, one.released_by) for one in held(conn) if one.table == "stories"] == [
        (timeless, None),
        (unknown, "bea"),
        (typed, "ann"),
    ]
    # What was let in stays so.
    assert check_landing(warehouse, AS_OF).quarantined == 0


def test_a_purge_forgets_the_account_here_as_well(warehouse: Settings, conn: psycopg.Connection) -> None:
    land(conn, "stories", story(media_type="HOLOGRAM"))
    check_landing(warehouse, AS_OF)
    theirs = "select from app.quarantine where account_id = 'acc-a'"
    assert conn.execute(theirs).rowcount > 0
    conn.execute("delete from raw.media_files where account_id = 'acc-a'")
    conn.execute("select app.bury_account('acc-a', %s)", [AS_OF])
    # A checkpoint that began before sees its rows, and leaves no trace of them.
    conn.execute("delete from app.quarantine")
    assert check_landing(warehouse, AS_OF).quarantined == 0
    conn.execute("alter table app.quarantine disable trigger skip_purged")
    assert check_landing(warehouse, AS_OF).quarantined > 0
    conn.execute("select raw.purge_account('acc-a')")
    conn.execute("select app.purge_account('acc-a')")
    assert conn.execute(theirs).rowcount == 0


def test_a_listing_in_quarantine_does_not_come_back_when_its_day_is_dropped(
    warehouse: Settings, conn: psycopg.Connection
) -> None:
    for day in (13, 14):
        conn.execute("select raw.ensure_partition('story_listings', %s)", [at(day, 0).date()])
    landed(conn, "story_listings", at(10, 1, 1), status="failed", cause="bad_luck")
    check_landing(warehouse, AS_OF)
    for partition in old_partitions(conn, at(14, 12), 3):
        retire(conn, partition)
    causes = conn.execute("select distinct status, cause from raw.listing_days").fetchall()
    assert causes == [("ok", None)]
