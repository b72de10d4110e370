"""What the BI role may read: the marts, and nothing else."""

import psycopg
import pytest
from tests.marts import MARTS

from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration


def relations(settings: Settings, schema: str) -> set[str]:
    with connect(settings.warehouse, "storykeep_owner") as conn:
        rows = conn.execute(
            "select relname from pg_class where relnamespace = %s::regnamespace and relkind in ('r', 'v', 'p')",
            [schema],
        )
        return {name for (name,) in rows}


def test_bi_reads_every_mart(built: Settings, bi: psycopg.Connection) -> None:
    assert relations(built, "marts") == MARTS
    for mart in MARTS:
        count = bi.execute(f"select count(*) from marts.{mart}").fetchone()  # noqa: S608 (names of ours)
        assert count is not None and count[0] > 0, mart


@pytest.mark.parametrize("schema", ["app", "raw", "staging", "intermediate", "build"])
def test_bi_reads_nothing_else(built: Settings, bi: psycopg.Connection, schema: str) -> None:
    hidden = relations(built, schema)
    assert hidden
    for relation in hidden:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"permission denied for schema {schema}"):
            bi.execute(f"select * from {schema}.{relation}")  # noqa: S608 (names of ours)


def test_bi_cannot_write_a_mart(bi: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        bi.execute("delete from marts.dim_brands")


def test_every_column_is_described_where_bi_sees_it(bi: psycopg.Connection) -> None:
    bare = bi.execute(
        """
        select attrelid::regclass::text, attname from pg_attribute join pg_class on pg_class.oid = attrelid
        where relnamespace = 'marts'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
            and col_description(attrelid, attnum) is null
        """
    ).fetchall()
    assert bare == []
