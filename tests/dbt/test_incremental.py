"""Builds that go on from the last one end with the rows that one build of everything would have made."""

import logging
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.dbt.content import fill_content
from tests.dbt.entries_world import fill_entries
from tests.dbt.world import AS_OF, at, fill, insert, landed, reading, withheld
from tests.marts import MARTS

from storykeep.errors import StorykeepError
from storykeep.settings import PROJECT, Settings
from storykeep.transform import dbt
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

Landing = tuple[str, dict[str, Any]]
Rows = dict[str, list[tuple[Any, ...]]]

# What comes in, each with the column that the database counts in.
CAPTURED = ("story_listings", "stories", "story_insights", "media_files", "manual_entries")
CONTENT = ("media", "media_insights", "account_profiles", "account_insights", "audience")
TABLES = {f"raw.{table}": "landing_id" for table in (*CAPTURED, *CONTENT)} | {"app.entry_approvals": "approval_id"}
FIRST, FAILED = at(11, 12), at(12, 7)
LATE = "9" * 64


@pytest.fixture(scope="module")
def landings(new_warehouse: Callable[[], Settings]) -> list[Landing]:
    """Every row that came into the small world, and some that make arrival matter, without their landing ids."""
    with owner(new_warehouse()) as conn:
        fill(conn)
        fill_content(conn)
        fill_entries(conn)
        # The node comes to say another time of posting, which moves the ages of readings long taken in.
        node = {"id": "102", "timestamp": "2026-11-10T09:30:00+0000", "media_type": "IMAGE"}
        landed(conn, "stories", at(10, 9, 40), story_id="102", payload=node, content_hash=LATE)
        landed(
            conn,
            "story_insights",
            at(12, 11, 10),
            run_id="another shard",
            story_id="106",
            metric_group="core",
            status="refused",
            error_code=10,
            payload={"error": {"code": 10}},
        )
        _earlier_stories(conn)
        _unread_story(conn)
        _more_listings(conn)
        # 101 and 103 vanish early; the other listings of these hours show nothing.
        landed(conn, "story_listings", at(10, 20, 7), status="ok", payload={"101": "h", "103": "h"})
        landed(conn, "story_listings", at(11, 9, 49), status="ok", payload={"101": "h"})
        withheld(conn, "106", at(12, 1))
        reading(conn, "106", at(12, 10), views=8, reach=6)
        with conn.cursor(row_factory=dict_row) as cursor:
            return [
                (table, {name: value for name, value in row.items() if name != count and value is not None})
                for table, count in TABLES.items()
                for row in cursor.execute(f"select * from {table}").fetchall()  # noqa: S608 (names of ours)
            ]


def _earlier_stories(conn: psycopg.Connection) -> None:
    """As many as a curve is learned from, which 102 is then estimated by."""
    for number in range(201, 209):
        posted_at = at(10, 0, number - 200)
        node = {"id": str(number), "timestamp": posted_at.strftime("%Y-%m-%dT%H:%M:%S+0000"), "media_type": "IMAGE"}
        landed(conn, "stories", posted_at, story_id=str(number), payload=node, content_hash=str(number) * 21)
        often = ((hours * 60, 20 * hours) for hours in (5, 10, 15))  # what is read seldom teaches nothing
        last = ((18 * 60, 300), (21 * 60, 310 + number % 7), (1431, 350), (1436, 350 + number % 3))
        for minutes, views in (*often, *last):
            reading(conn, str(number), posted_at + timedelta(minutes=minutes), views=views)


def _unread_story(conn: psycopg.Connection) -> None:
    """A story that ends before the last build, and after the one before that."""
    node = {"id": "107", "timestamp": "2026-11-11T10:00:00+0000", "media_type": "IMAGE"}
    landed(conn, "stories", at(11, 10, 5), story_id="107", payload=node)


def _more_listings(conn: psycopg.Connection) -> None:
    """So that days have runs of good and of failed listings, gaps between them, and some that nobody tried in."""
    chance = random.Random(5)
    for account in ("acc-a", "acc-b"):
        moment = at(10, 13) + timedelta(seconds=30)
        while (moment := moment + timedelta(minutes=chance.choice((15, 15, 15, 45, 61, 240)))) < AS_OF:
            failed = {"status": "failed", "cause": chance.choice(("throttled", "token", "api_unreachable"))}
            told = failed if chance.random() < 0.4 else {"status": "ok", "payload": {}}
            landed(conn, "story_listings", moment, account_id=account, **told)


@pytest.fixture(scope="module")
def whole(new_warehouse: Callable[[], Settings], landings: list[Landing]) -> Callable[[Any], Rows]:
    """The marts that one build of everything makes, as of any moment."""
    known: dict[Any, Rows] = {}

    def build(as_of: Any) -> Rows:
        if as_of not in known:
            settings = new_warehouse()
            with owner(settings) as conn:
                prepare(conn)
                land(conn, landings)
            dbt.build(settings, as_of)
            known[as_of] = marts(settings)
        return known[as_of]

    return build


@pytest.fixture(scope="module")
def grown(new_warehouse: Callable[[], Settings], landings: list[Landing]) -> Settings:
    """A warehouse that took the rows in as they came, some of them late, over three builds; the last as of AS_OF."""
    settings = new_warehouse()
    grow(settings, as_they_came(landings))
    return settings


def owner(settings: Settings) -> psycopg.Connection:
    return connect(settings.warehouse, "storykeep_owner")


def prepare(conn: psycopg.Connection) -> None:
    """The people and campaigns of the small world, and nothing landed yet."""
    fill(conn)
    for table in TABLES:
        conn.execute(f"truncate {table}")


def land(conn: psycopg.Connection, landings: list[Landing]) -> None:
    for table, values in landings:
        insert(conn, table, **values)
    conn.commit()


def as_they_came(landings: list[Landing]) -> list[list[Landing]]:
    """Each row before the build that it is due for, and the one node that is late before the build after that."""
    parts: list[list[Landing]] = [[], [], []]
    for table, values in landings:
        came_at = values.get("captured_at") or values["decided_at"]
        if came_at <= AS_OF:
            is_late = values.get("content_hash") == LATE
            parts[sum(came_at > moment for moment in (FIRST, FAILED)) + is_late].append((table, values))
    return parts


def in_any_order(landings: list[Landing], seed: int) -> list[list[Landing]]:
    """Three parts with no regard to time: rows come before their moment, and long after."""
    chance = random.Random(seed)
    order = chance.sample(landings, len(landings))
    first, second = sorted(chance.sample(range(len(order)), 2))
    return [order[:first], order[first:second], order[second:]]


def grow(settings: Settings, parts: list[list[Landing]]) -> None:
    """Land each of three parts and build; the second build fails half-way.

    After it the accounts are renamed, and a consent comes that covers stories of the first build.
    """
    with owner(settings) as conn:
        prepare(conn)
        conn.execute("update app.accounts set username = username || '_before'")
        conn.execute("update app.consents set given_at = given_at + interval '9 days' where given_at = %s", [at(10, 9)])
        land(conn, parts[0])
        dbt.build(settings, FIRST)
        land(conn, parts[1])
        conn.execute("set role storykeep_transform")
        conn.execute("alter table build.fct_story_readings add column in_the_way text")
        conn.commit()
        with pytest.raises(StorykeepError, match="fct_story_readings"):
            dbt.build(settings, FAILED)
        conn.execute("alter table build.fct_story_readings drop column in_the_way")
        conn.execute("set role storykeep_owner")
        conn.execute("update app.accounts set username = replace(username, '_before', '')")
        conn.execute("update app.consents set given_at = %s where given_at > %s", [at(10, 9), AS_OF])
        land(conn, parts[2])
    dbt.build(settings, AS_OF)


def marts(settings: Settings) -> Rows:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        return {
            name: conn.execute(f"select * from build.{name} as t order by t::text").fetchall()  # noqa: S608 (names of ours)
            for name in sorted(MARTS)
        }


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.INFO, logger=dbt.__name__)
    yield caplog


@pytest.mark.parametrize("seed", [2, 3])
def test_rows_in_any_order_over_several_builds_make_the_marts_of_one(
    seed: int,
    new_warehouse: Callable[[], Settings],
    landings: list[Landing],
    whole: Callable[[Any], Rows],
    told: pytest.LogCaptureFixture,
) -> None:
    expected = whole(AS_OF)
    told.clear()
    settings = new_warehouse()
    grow(settings, in_any_order(landings, seed))
    assert marts(settings) == expected
    with connect(settings.warehouse, "storykeep_transform") as conn:
        learned = conn.execute("select story_id, count(*) from intermediate.int_stories__learned_from group by 1")
        assert learned.fetchall() == [("102", 8)]
        by_hand = conn.execute("select finality, views from build.fct_stories where story_id in ('102', 'manual:n-1')")
        assert by_hand.fetchall() == [("manual", 345), ("manual", 500)]
    assert told.text.count("full refresh") == 1


def test_rows_as_they_came_make_the_same_marts_and_a_second_build_as_of_that_moment_changes_nothing(
    grown: Settings, whole: Callable[[Any], Rows], told: pytest.LogCaptureFixture
) -> None:
    expected = whole(AS_OF)
    assert marts(grown) == expected
    told.clear()
    dbt.build(grown, AS_OF)
    assert "full refresh" not in told.text
    assert marts(grown) == expected


def test_a_build_works_out_the_new_rows_and_no_others(grown: Settings) -> None:
    dbt.build(grown, AS_OF)
    with owner(grown) as conn:
        reading(conn, "104", AS_OF - timedelta(minutes=1), views=9, reach=9)
        # Of 107 itself nothing lands.
        landed(conn, "story_listings", at(12, 9, 55), status="failed", cause="throttled")
        conn.commit()
        kept = "select ctid, xmin::text, * from build.fct_story_readings where story_id <> '104' order by ctid"
        conn.execute("set role storykeep_transform")
        before = conn.execute(kept).fetchall()
        dbt.build(grown, AS_OF)
        assert conn.execute(kept).fetchall() == before
        late = conn.execute("select views, finality from build.fct_stories where story_id = '104'").fetchall()
        assert late == [(9, "sweep")]
        lost = conn.execute("select loss_cause from build.fct_stories where story_id = '107'").fetchall()
        assert lost == [("throttled",)]
        read = conn.execute("select story_id from intermediate.int_stories__readings_touched").fetchall()
        assert read == [("104",)]


def test_readings_are_looked_up_by_their_key_and_not_out_of_the_whole_history(grown: Settings) -> None:
    with owner(grown) as conn:
        conn.execute("set role storykeep_transform")
        # In a table as small as here it would be faster to go over all of it.
        for way in ("bitmapscan", "hashjoin", "mergejoin", "seqscan"):
            conn.execute(f"set enable_{way} = off")
        lookup = "select * from intermediate.int_stories__replies_touched"
        (plan,) = conn.execute(f"explain (format json) {lookup}").fetchall()
    scans = [node for node in nodes(plan[0][0]["Plan"]) if "story_insights" in node.get("Relation Name", "")]
    assert len(scans) > 1
    assert all("= readings.captured_at" in node.get("Index Cond", "") for node in scans)


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A part of a plan and all below it."""
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def test_an_earlier_moment_and_another_project_start_anew(
    grown: Settings, whole: Callable[[Any], Rows], tmp_path: Path, told: pytest.LogCaptureFixture
) -> None:
    dbt.build(grown, FAILED)
    assert marts(grown) == whole(FAILED)
    shutil.copytree(PROJECT / "dbt", tmp_path / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    model = tmp_path / "dbt/models/intermediate/stories/int_stories__versions_latest.sql"
    model.write_text(model.read_text().replace("interval '24 hours'", "interval '23 hours'"))
    told.clear()
    dbt.build(replace(grown, dbt_dir=tmp_path / "dbt"), FAILED)
    assert "full refresh" in told.text
    with connect(grown.warehouse, "storykeep_transform") as conn:
        lives = conn.execute(
            "select distinct (expires_at - posted_at)::text from build.fct_stories where provenance = 'api'"
        ).fetchall()
    assert lives == [("23:00:00",)]
