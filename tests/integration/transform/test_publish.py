"""Publishing: the standing tables take on the built rows and shape, and nothing else happens to them."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from storykeep.errors import StorykeepError
from storykeep.quality import approval, watermarks
from storykeep.settings import PostgresSettings, Settings
from storykeep.transform import publish as publication
from storykeep.transform.turn import LOCK
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

AS_OF = datetime(2026, 11, 12, 12, tzinfo=UTC)


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        conn.autocommit = True
        conn.execute("create table build.dim (id text primary key, views bigint, note text not null)")
        conn.execute("comment on column build.dim.views is 'How often.'")
        conn.execute("insert into build.dim values ('a', 1, 'x'), ('b', null, 'y'), ('c', 3, 'z')")
        approval.approve(warehouse, AS_OF)
        yield conn


def publish(settings: Settings, landed: Mapping[str, int] | None = None) -> dict[str, int]:
    return publication.publish(settings, AS_OF, landed or {})


def published(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    return conn.execute("select * from marts.dim order by id").fetchall()


def test_the_first_publication_makes_the_table_with_key_and_descriptions(
    warehouse: Settings, conn: psycopg.Connection
) -> None:
    assert publish(warehouse) == {"dim": 3}
    assert published(conn) == [("a", 1, "x"), ("b", None, "y"), ("c", 3, "z")]
    assert conn.execute("select col_description('marts.dim'::regclass, 2)").fetchone() == ("How often.",)
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute("insert into marts.dim values ('a', 1, 'x')")
    with pytest.raises(psycopg.errors.NotNullViolation):
        conn.execute("insert into marts.dim values ('d', 1, null)")


def test_twice_changes_nothing_although_there_are_nulls(warehouse: Settings, conn: psycopg.Connection) -> None:
    publish(warehouse)
    before = conn.execute("select ctid, xmin from marts.dim order by id").fetchall()
    assert publish(warehouse) == {"dim": 0}
    assert conn.execute("select ctid, xmin from marts.dim order by id").fetchall() == before


def test_only_the_rows_that_differ_are_touched(warehouse: Settings, conn: psycopg.Connection) -> None:
    publish(warehouse)
    kept = conn.execute("select xmin from marts.dim where id = 'a'").fetchall()
    conn.execute("update build.dim set views = 2 where id = 'b'")
    conn.execute("delete from build.dim where id = 'c'")
    conn.execute("insert into build.dim values ('d', 4, 'new')")
    # b goes and comes back, c goes, d comes.
    assert publish(warehouse) == {"dim": 4}
    assert published(conn) == [("a", 1, "x"), ("b", 2, "y"), ("d", 4, "new")]
    assert conn.execute("select xmin from marts.dim where id = 'a'").fetchall() == kept


def test_column_changes_are_followed_and_grants_stay(warehouse: Settings, conn: psycopg.Connection) -> None:
    publish(warehouse)
    conn.execute("grant insert on marts.dim to storykeep_ingest")
    conn.execute("alter table build.dim drop column note, alter views type numeric(10, 2), add country text")
    conn.execute("update build.dim set country = 'FR'")
    conn.execute("alter table build.dim alter country set not null")
    publish(warehouse)
    types = conn.execute(
        "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute"
        " where attrelid = 'marts.dim'::regclass and attnum > 0 and not attisdropped order by attnum"
    ).fetchall()
    assert types == [("id", "text", True), ("views", "numeric(10,2)", False), ("country", "text", True)]
    assert conn.execute("select has_table_privilege('storykeep_ingest', 'marts.dim', 'insert')").fetchone() == (True,)
    assert conn.execute("select has_table_privilege('storykeep_bi', 'marts.dim', 'select')").fetchone() == (True,)


def test_another_key_is_followed(warehouse: Settings, conn: psycopg.Connection) -> None:
    publish(warehouse)
    conn.execute("alter table build.dim drop constraint dim_pkey, add primary key (id, note)")
    conn.execute("insert into build.dim values ('a', 9, 'second')")
    assert publish(warehouse) == {"dim": 1}
    assert published(conn)[:2] == [("a", 1, "x"), ("a", 9, "second")]


def test_a_failure_leaves_every_mart_as_it_was(warehouse: Settings, conn: psycopg.Connection) -> None:
    publish(warehouse, {"stories": 5})
    conn.execute("update build.dim set views = 99")
    conn.execute("create table build.keyless (id text)")
    with pytest.raises(StorykeepError, match=r"build\.keyless: no primary key"):
        publish(warehouse, {"stories": 9})
    assert published(conn)[0] == ("a", 1, "x")
    assert watermarks.read(conn) == {"stories": 5}


def test_a_type_that_the_published_rows_do_not_fit_is_named(warehouse: Settings, conn: psycopg.Connection) -> None:
    publish(warehouse)
    conn.execute("alter table build.dim alter note type integer using 1")
    with pytest.raises(StorykeepError, match=r"marts\.dim\.note: invalid input syntax for type integer"):
        publish(warehouse)


def test_publications_take_turns(warehouse: Settings, conn: psycopg.Connection) -> None:
    conn.execute("select pg_advisory_lock(%s)", [LOCK])
    other = threading.Thread(target=publish, args=[warehouse])
    other.start()
    other.join(timeout=0.5)
    assert other.is_alive()
    conn.execute("select pg_advisory_unlock(%s)", [LOCK])
    other.join(timeout=10)
    assert len(published(conn)) == 3


def test_a_reader_that_never_ends_holds_up_no_publication_of_rows(
    warehouse: Settings, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "LOCK_SECONDS", 1)
    publish(warehouse)
    with connect(bi_login(warehouse)) as reader:
        before = reader.execute("select * from marts.dim order by id").fetchall()  # its transaction stays open
        conn.execute("update build.dim set views = 99 where id = 'a'")
        assert publish(warehouse) == {"dim": 2}
        assert reader.execute("select * from marts.dim order by id").fetchall() != before


def test_a_new_shape_does_not_wait_for_ever_behind_a_reader_and_says_what_to_do(
    warehouse: Settings, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "LOCK_SECONDS", 1)
    publish(warehouse)
    before = published(conn)
    conn.execute("alter table build.dim add country text")
    with connect(bi_login(warehouse)) as reader:
        reader.execute("select * from marts.dim")
        with pytest.raises(StorykeepError, match=r"somebody has been reading for more than 1 s.*idle in transaction"):
            publish(warehouse)
        assert published(conn) == before
    assert publish(warehouse) == {"dim": 0}
    assert [row[3] for row in published(conn)] == [None] * 3


def bi_login(settings: Settings) -> PostgresSettings:
    assert settings.bi_password is not None
    return replace(settings.warehouse, user="storykeep_bi", password=settings.bi_password)


def test_watermarks_never_move_backwards(warehouse: Settings, conn: psycopg.Connection) -> None:
    assert watermarks.read(conn) == {}
    publish(warehouse, {"stories": 7})
    publish(warehouse, {"stories": 4, "media_files": 1})
    assert watermarks.read(conn) == {"stories": 7, "media_files": 1}


def test_only_what_was_approved_as_of_that_moment_is_published(warehouse: Settings, conn: psycopg.Connection) -> None:
    with pytest.raises(StorykeepError, match="the tables in schema build are those of 2026-11-12T12:00:00"):
        publication.publish(warehouse, AS_OF - timedelta(minutes=15), {"stories": 5})
    approval.withdraw(warehouse)
    with pytest.raises(StorykeepError, match="the tables in schema build are not checked"):
        publish(warehouse, {"stories": 5})
    assert conn.execute("select to_regclass('marts.dim')").fetchone() == (None,)
    assert watermarks.read(conn) == {}


def test_many_rows_need_no_memory_for_all_their_keys(warehouse: Settings, conn: psycopg.Connection) -> None:
    """Each key against each other one would be 900 million comparisons."""
    with connect(warehouse.warehouse_admin) as admin:
        name = sql.Identifier(warehouse.warehouse.database)
        admin.execute(sql.SQL("alter database {} set work_mem = '64kB'").format(name))
        admin.execute(sql.SQL("alter database {} set statement_timeout = '5s'").format(name))
    conn.execute("insert into build.dim select n::text, n, 'many' from generate_series(1, 30000) as n")
    assert publish(warehouse) == {"dim": 30_003}
    conn.execute("update build.dim set views = 0 where id = '1'")
    assert publish(warehouse) == {"dim": 2}
