"""Retention loses no number: the marts before it are those that a build of what is left makes."""

import logging
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from tests.dbt.world import at, fill, landed
from tests.marts import MARTS

from storykeep.clock import fixed_clock
from storykeep.maintenance.maintain import apply_retention
from storykeep.settings import Settings
from storykeep.transform import dbt
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

AS_OF = at(20, 12)
DAYS = range(10, 18)
STORIES = 120
CAUSES = ("throttled", "token", "api_unreachable")
PARTS = ("tap_forward", "tap_back", "tap_exit", "swipe_forward")
ALONE = ("link_clicks", "total_views")
# What the other marts are made of is what fct_stories and fct_capture_coverage have.
WHOLE = sorted(MARTS - {"fct_story_readings"})

PARTITIONED = ("story_insights", "story_listings")

Reply = tuple[str, str, dict[str, Any]]
Rows = dict[str, list[tuple[Any, ...]]]


def write_world(conn: psycopg.Connection, seed: int) -> None:
    """The people of the small world and, for eight days, listings and readings of every shape."""
    chance = random.Random(seed)
    fill(conn)
    for table in ("story_listings", "stories", "story_insights", "media_files"):
        conn.execute(f"truncate raw.{table}")
    for day in DAYS:
        for table in PARTITIONED:
            conn.execute("select raw.ensure_partition(%s, %s)", [table, at(day, 0).date()])
    for account in ("acc-a", "acc-b"):
        write_listings(conn, chance, account)
    for number in range(STORIES):
        write_story(conn, chance, f"{1000 + number}", chance.choice(("acc-a", "acc-b")))
    conn.commit()


def write_listings(conn: psycopg.Connection, chance: random.Random, account: str) -> None:
    moment = at(DAYS[0], 0)
    while (moment := moment + timedelta(minutes=chance.choice((15, 15, 30, 45, 61, 300, 2000)))) < at(18, 0):
        if chance.random() < 0.2:
            landed(conn, "story_listings", moment, account_id=account, status="failed", cause=chance.choice(CAUSES))
        else:
            landed(conn, "story_listings", moment, account_id=account, status="ok", payload={})


def write_story(conn: psycopg.Connection, chance: random.Random, story_id: str, account: str) -> None:
    posted_at = at(DAYS[0], 0) + timedelta(minutes=chance.randrange(6 * 24 * 60))
    node = {"id": story_id, "timestamp": posted_at.isoformat(), "media_type": "IMAGE", "caption": "#glow"}
    landed(conn, "stories", posted_at, account_id=account, story_id=story_id, payload=node)
    ages = sorted(chance.sample(range(1, 24 * 60), chance.randrange(0, 30)))
    ages += [24 * 60 - chance.randrange(1, 10)] if chance.random() < 0.5 else []
    shapes = [a_shape(chance) for _ in range(3)]
    for age in dict.fromkeys(ages):
        # The first of them most often, so that the others are what only an earlier reading knows.
        shape = chance.choices(shapes, (8, 1, 1))[0]
        for number, (group, status, payload) in enumerate(shape(age)):
            landed(
                conn,
                "story_insights",
                posted_at + timedelta(minutes=age),
                account_id=account,
                story_id=story_id,
                metric_group=group,
                status=status,
                payload=payload,
                content_hash=f"{number * age % 7:064d}",
            )


def grown(age: int) -> int:
    """A count that grows ever more slowly, so that a line from the first to the last of its readings is wrong."""
    return round(1000 * (1 - math.exp(-age / 300)))


def a_shape(chance: random.Random) -> Callable[[int], list[Reply]]:
    """A way for replies of one moment to be, at any age: which groups, metrics and parts, and what is odd in them."""
    state = chance.choices(("ok", "withheld", "empty", "refused"), (12, 2, 1, 1))[0]
    names = [name for name in ("views", "reach", "replies", "shares") if chance.random() < 0.7]
    odd = {name: chance.choice((None, -1, 10**16, "7", 1.5)) for name in names if chance.random() < 0.1}
    parts = chance.sample(PARTS, chance.randrange(0, 5))
    lacking, has_plain, has_parts = chance.choice((0, 5)), chance.random() < 0.3, chance.random() < 0.7
    alone = {group: chance.choice(("ok", "withheld")) for group in ALONE if chance.random() < 0.5}

    def replies(age: int) -> list[Reply]:
        core = [{"name": name, "values": [{"value": odd.get(name, grown(age))}]} for name in names]
        # The total is made up by the parts that are told, or not.
        total = age * len(parts) + lacking * (age % 3 > 0)
        if has_plain:
            # Now and then somebody taps between the two replies of one moment.
            core.append({"name": "navigation", "values": [{"value": total + age % 2}]})
        error = {"error": {"fbtrace_id": f"{age}"}}
        told = [("core", state, {"data": core} if state == "ok" else error)]
        if has_parts:
            results = [{"dimension_values": [name], "value": age} for name in parts]
            counts = {"value": total, "breakdowns": [{"results": results}]}
            told.append(("navigation", "ok", {"data": [{"name": "navigation", "total_value": counts}]}))
        for group, status in alone.items():
            counted = {"data": [{"name": group, "values": [{"value": age}]}]}
            told.append((group, status, counted if status == "ok" else error))
        return told

    return replies


def marts(settings: Settings) -> Rows:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        return {
            name: conn.execute(f"select * from build.{name} as t order by t::text").fetchall()  # noqa: S608 (names of ours)
            for name in sorted(MARTS)
        }


def without_estimates(settings: Settings, rows: Rows) -> Rows:
    """The marts that retention leaves as they are: what came after a last reading is learned from others' curves."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        columns = conn.execute("select * from build.fct_stories limit 0").description or []
    told = [place for place, column in enumerate(columns) if not column.name.startswith("estimated_undercount")]
    return {name: rows[name] for name in WHOLE if name != "fct_stories"} | {
        "fct_stories": sorted(tuple(row[place] for place in told) for row in rows["fct_stories"])
    }


def holes(settings: Settings) -> list[float]:
    """Of each story that others are learned from, the longest time in minutes that it was not read."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        found = conn.execute(
            """
            select max(age_minutes - before)
            from (
                select *, lag(age_minutes, 1, 0) over (partition by story_id order by captured_at) as before
                from build.fct_story_readings
                where views is not null
            ) as readings
            where story_id in (select earlier_id from intermediate.int_stories__learned_from)
            group by story_id
            """
        )
        return [float(minutes) for (minutes,) in found]


def counted(settings: Settings, table: str) -> int:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        return int(conn.execute(f"select count(*) from raw.{table}").fetchall()[0][0])  # noqa: S608 (names of ours)


def land_again(conn: psycopg.Connection, landings: dict[str, list[dict[str, Any]]]) -> None:
    """Land rows as if they came late: those that are there already are none."""
    for table, rows in landings.items():
        for day in {row["captured_at"].date() for row in rows}:
            conn.execute("select raw.ensure_partition(%s, %s)", [table, day])
        names = [name for name in rows[0] if name != "landing_id"]
        marks = ", ".join(["%s"] * len(names))
        with conn.cursor() as cursor:
            cursor.executemany(
                f"insert into raw.{table} ({', '.join(names)}) values ({marks}) on conflict do nothing",  # noqa: S608
                [[Jsonb(row[name]) if name == "payload" else row[name] for name in names] for row in rows],
            )
    conn.commit()


@pytest.fixture(scope="module")
def seeded(new_warehouse: Callable[[], Settings]) -> Settings:
    settings = replace(new_warehouse(), retention_days=3)
    with connect(settings.warehouse, "storykeep_owner") as conn:
        write_world(conn, seed=11)
    return settings


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.INFO, logger="storykeep")
    yield caplog


def retain(settings: Settings) -> dict[str, int]:
    return apply_retention(settings, fixed_clock(AS_OF), "test")


def test_the_marts_of_what_is_left_are_those_of_before_also_after_late_rows(
    seeded: Settings, told: pytest.LogCaptureFixture
) -> None:
    dbt.build(seeded, AS_OF)
    before, curves = marts(seeded), len(holes(seeded))
    with connect(seeded.warehouse, "storykeep_owner") as conn, conn.cursor(row_factory=dict_row) as cursor:
        landings = {table: cursor.execute(f"select * from raw.{table}").fetchall() for table in PARTITIONED}  # noqa: S608

    done = retain(seeded)
    assert done["partitions dropped"] == 2 * 5
    kept = counted(seeded, "story_insights_kept")
    assert 0 < kept < done["raw rows dropped"] / 2
    told.clear()
    dbt.build(seeded, AS_OF)
    assert "full refresh" in told.text
    after = marts(seeded)
    assert without_estimates(seeded, after) == without_estimates(seeded, before)
    assert max(holes(seeded)) <= 360
    assert 0 < len(holes(seeded)) < curves
    assert len(before["fct_stories"]) == STORIES
    assert set(after["fct_story_readings"]) < set(before["fct_story_readings"])

    with connect(seeded.warehouse, "storykeep_owner") as conn:
        land_again(conn, landings)
    dbt.build(seeded, AS_OF)
    assert marts(seeded) == before

    retain(seeded)
    assert counted(seeded, "story_insights_kept") == kept
    assert apply_retention(replace(seeded, retention_days=None), fixed_clock(AS_OF + timedelta(days=99)), "off") == {}
