"""Publishing the large marts by what changed: the rows it comes to are those of a comparison of everything."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from storykeep.errors import StorykeepError
from storykeep.quality import approval
from storykeep.settings import Settings
from storykeep.transform import publish as publication
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

AS_OF = datetime(2026, 11, 12, 12, tzinfo=UTC)
MART = "fct_story_readings"
STORIES, READINGS, STEPS = 40, 5, 60
EVENTS = ("put", "put undone", "delete", "rename", "tamper", "anew", "failure", "publication")
WEIGHTS = (6, 2, 3, 2, 3, 1, 2, 5)


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        conn.autocommit = True
        make_anew(conn)
        approval.approve(warehouse, AS_OF)
        yield conn


def make_anew(conn: psycopg.Connection) -> None:
    """As dbt does on a full refresh."""
    conn.execute("drop table if exists build.fct_story_readings")
    conn.execute(
        "create table build.fct_story_readings"
        " (story_id text, read integer, views bigint, primary key (story_id, read))"
    )
    conn.execute(
        "insert into build.fct_story_readings select s::text, r, 100 * s + r"
        " from generate_series(1, %s) as s cross join generate_series(1, %s) as r",
        [STORIES, READINGS],
    )


def publish(settings: Settings) -> int:
    return publication.publish(settings, AS_OF, {})[MART]


def rows(conn: psycopg.Connection, schema: str) -> list[tuple[object, ...]]:
    table = sql.Identifier(schema, MART)
    return conn.execute(sql.SQL("select * from {} order by story_id, read").format(table)).fetchall()


@pytest.fixture
def compared(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What each publication since the last call compared."""
    caplog.set_level(logging.DEBUG, logger=publication.__name__)

    def told() -> list[str]:
        found = [
            line.removeprefix("publish: fct_story_readings: compares ")
            for line in caplog.messages
            if "compares" in line
        ]
        caplog.clear()
        return found

    return told


def test_after_the_first_publication_only_what_changed_is_compared(
    warehouse: Settings, conn: psycopg.Connection, compared: Callable[[], list[str]]
) -> None:
    assert publish(warehouse) == STORIES * READINGS
    conn.execute("update build.fct_story_readings set views = 0 where story_id = '7' and read = 2")
    conn.execute("update build.fct_story_readings set story_id = 'moved' where story_id = '8'")
    conn.execute("delete from build.fct_story_readings where story_id = '9'")
    conn.execute("insert into build.fct_story_readings values ('10', 99, 1)")
    assert publish(warehouse) == 2 + 2 * READINGS + READINGS + 1
    assert compared() == ["all", "what changed"]
    assert rows(conn, "marts") == rows(conn, "build")
    assert conn.execute("select count(*) from intermediate.changes").fetchone() == (0,)


def test_what_publications_that_fail_did_not_publish_is_published_later(
    warehouse: Settings, conn: psycopg.Connection, compared: Callable[[], list[str]]
) -> None:
    publish(warehouse)
    conn.execute("update build.fct_story_readings set views = 0 where story_id = '7'")
    conn.execute("create table build.keyless (id text)")
    with pytest.raises(StorykeepError, match="no primary key"):
        publish(warehouse)
    conn.execute("drop table build.keyless")
    approval.withdraw(warehouse)
    conn.execute("update build.fct_story_readings set views = 0 where story_id = '8'")
    with pytest.raises(StorykeepError, match="not checked"):
        publish(warehouse)
    approval.approve(warehouse, AS_OF)
    assert publish(warehouse) == 4 * READINGS
    assert compared()[-1] == "what changed"
    assert rows(conn, "marts") == rows(conn, "build")


def test_whoever_changes_a_standing_row_it_is_put_right(
    warehouse: Settings, conn: psycopg.Connection, compared: Callable[[], list[str]]
) -> None:
    publish(warehouse)
    with connect(warehouse.warehouse_admin) as other:
        other.execute("update marts.fct_story_readings set views = 5 where story_id = '3' and read = 1")
        other.execute("delete from marts.fct_story_readings where story_id = '4'")
    assert publish(warehouse) == 2 + READINGS
    assert compared() == ["all", "what changed"]
    assert rows(conn, "marts") == rows(conn, "build")


def test_a_change_that_is_not_yet_committed_is_waited_for(warehouse: Settings, conn: psycopg.Connection) -> None:
    publish(warehouse)
    with connect(warehouse.warehouse, "storykeep_transform") as other:
        other.execute("update build.fct_story_readings set views = 5 where story_id = '3' and read = 1")
        publishing = threading.Thread(target=publish, args=[warehouse])
        publishing.start()
        publishing.join(timeout=0.5)
        assert publishing.is_alive()
        other.commit()
        publishing.join(timeout=10)
    assert rows(conn, "marts") == rows(conn, "build")


@pytest.mark.parametrize(
    "doubt",
    [
        "truncate build.{0}; insert into build.{0} values ('new', 1, 1)",
        "alter table build.{0} alter views type bigint using 7",
        "alter table marts.{0} alter views type bigint using 7",
        "alter table marts.{0} drop column views, add column views bigint",
        "alter table build.{0} disable trigger note_update_new; update build.{0} set views = 7",
        "alter table build.{0} disable trigger user; update build.{0} set views = 7;"
        " alter table build.{0} enable trigger user",
        "drop trigger note_delete_old on marts.{0}; delete from marts.{0} where story_id = '1'",
        "drop table intermediate.changes, intermediate.watched_marts cascade",
        "drop table marts.{0}",
    ],
)
def test_what_no_trigger_saw_makes_it_compare_everything(
    warehouse: Settings, conn: psycopg.Connection, doubt: str, compared: Callable[[], list[str]]
) -> None:
    publish(warehouse)
    for statement in doubt.format(MART).split("; "):
        conn.execute(statement)
    publish(warehouse)
    conn.execute("update build.fct_story_readings set views = 8 where read = 1")
    publish(warehouse)
    assert compared() == ["all", "all", "what changed"]
    assert rows(conn, "marts") == rows(conn, "build")


@pytest.mark.parametrize("seed", range(4))
def test_after_any_course_of_events_the_mart_is_what_was_built(
    warehouse: Settings, conn: psycopg.Connection, seed: int, compared: Callable[[], list[str]]
) -> None:
    chance = random.Random(seed)
    publish(warehouse)
    for _ in range(STEPS):
        one_event(warehouse, conn, chance)
    publish(warehouse)
    assert rows(conn, "marts") == rows(conn, "build")
    assert {"all", "what changed"} == set(compared())


def one_event(settings: Settings, conn: psycopg.Connection, chance: random.Random) -> None:
    """Something that builds, people or failures do, or a publication, after which the two must be equal."""
    story, read = str(chance.randint(1, STORIES)), chance.randint(1, READINGS + 2)
    put = (
        "insert into build.fct_story_readings values (%s, %s, %s)"
        " on conflict (story_id, read) do update set views = excluded.views"
    )
    values = [story, read, chance.randint(0, 99)]
    match chance.choices(EVENTS, WEIGHTS)[0]:
        case "put":
            conn.execute(put, values)
        case "put undone":
            with conn.transaction(force_rollback=True):
                conn.execute(put, values)
        case "delete":
            conn.execute("delete from build.fct_story_readings where story_id = %s", [story])
        case "rename":
            conn.execute("update build.fct_story_readings set story_id = story_id || 'x' where story_id = %s", [story])
        case "tamper":
            conn.execute("delete from marts.fct_story_readings where read = %s and story_id > %s", [read, story])
        case "anew":
            make_anew(conn)
        case "failure":
            conn.execute("create table build.keyless (id text)")
            with pytest.raises(StorykeepError):
                publish(settings)
            conn.execute("drop table build.keyless")
        case "publication":
            publish(settings)
            assert rows(conn, "marts") == rows(conn, "build")
