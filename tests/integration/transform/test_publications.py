"""What each publication was made of is kept, for good."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.quality import approval
from storykeep.settings import Settings
from storykeep.transform import publications
from storykeep.transform import publish as publication
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

AS_OF = datetime(2026, 11, 12, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def begin(conn: psycopg.Connection, as_of: datetime, landed: int) -> None:
    publications.begin(conn, as_of, "project", {"keep": "all"}, {"stories": landed}, fixed_clock(as_of + MINUTE))


def test_the_last_one_of_a_moment_is_found(warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        with pytest.raises(StorykeepError, match="run: storykeep build"):
            publications.last_before(conn, AS_OF)
        for number in range(3):
            as_of = AS_OF + number * timedelta(hours=1)
            begin(conn, as_of, number)
            publications.note(conn, as_of, changed=True, clock=fixed_clock(as_of + 2 * MINUTE))
        found = publications.last_before(conn, AS_OF + timedelta(hours=1, minutes=30))
        assert found == publications.Publication(
            published_at=AS_OF + timedelta(hours=1, minutes=2),
            as_of=AS_OF + timedelta(hours=1),
            known_at=AS_OF + timedelta(hours=1, minutes=1),
            project="project",
            variables={"keep": "all"},
            landed={"stories": 1},
        )
        assert publications.last_before(conn, AS_OF + 2 * MINUTE).as_of == AS_OF
        with pytest.raises(StorykeepError, match="the first one is of 2026-11-12T12:02:00Z"):
            publications.last_before(conn, AS_OF + MINUTE)


def test_one_that_changes_nothing_is_not_kept_but_the_first(warehouse: Settings) -> None:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        conn.autocommit = True
        conn.execute("create table build.dim (id text primary key)")
        for number, row in ((0, None), (1, None), (2, "row"), (3, None)):
            if row:
                conn.execute("insert into build.dim values (%s)", [row])
            as_of = AS_OF + number * MINUTE
            begin(conn, as_of, number)
            approval.approve(warehouse, as_of)
            publication.publish(warehouse, as_of, {})
        # What is published otherwise is not known to be made of anything.
        approval.approve(warehouse, AS_OF)
        conn.execute("insert into build.dim values ('more')")
        publication.publish(warehouse, AS_OF, {})
        kept = conn.execute("select landed from app.publications order by publication_id").fetchall()
        assert kept == [({"stories": 0},), ({"stories": 2},)]


@pytest.mark.parametrize("statement", ["update app.publications set as_of = now()", "delete from app.publications"])
def test_nobody_rewrites_one(warehouse: Settings, statement: str) -> None:
    for role in ("storykeep_transform", "storykeep_ingest"):
        with connect(warehouse.warehouse) as conn:
            conn.execute(f"set role {role}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)
