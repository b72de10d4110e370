"""Builds everything once more from raw, beside the marts: as it is now, to prove them, or as it was known earlier.

As it is now, it has to come to the rows of the incremental marts. Three things keep the two builds comparable while
capture goes on. The turn: nobody else builds or publishes meanwhile. One moment for both, `as_of`, and one bound of
landing ids: what lands meanwhile is in neither. And a second look where they differ: what people and connections are
has no moment in schema app, so that the standing marts are brought up to date before they are blamed.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
from psycopg import sql

from storykeep.errors import StorykeepError
from storykeep.quality import landed
from storykeep.settings import Settings
from storykeep.transform import dbt, publications
from storykeep.transform.build import build_in_turn
from storykeep.transform.differences import differences
from storykeep.transform.publications import Publication
from storykeep.transform.tables import compose
from storykeep.transform.turn import turn

log = logging.getLogger(__name__)

SUFFIX = "_check"
BUILT = f"build{SUFFIX}"
SCHEMAS = tuple(f"{schema}{SUFFIX}" for schema in ("staging", "intermediate", "build"))


def check_rebuild(settings: Settings, as_of: datetime) -> dict[str, int]:
    """Bring the marts up to `as_of`, build them from raw as well, and compare; returns how much was compared.

    Raises StorykeepError naming each mart that differs with keys, and whatever a build raises.
    """
    with turn(settings) as conn:
        landed_until = landed.newest(conn)
        build_in_turn(conn, settings, as_of, landed_until)
        with _scratch(conn):
            dbt.rebuild(settings, as_of, landed_until, SUFFIX)
            marts = _built(conn)
            found = _compare(conn, marts)
            if found:
                log.info("rebuild: it differs; the standing marts are brought up to date and compared again")
                build_in_turn(conn, settings, as_of, landed_until)
                found = _compare(conn, marts)
            rows = sum(_count(conn, mart) for mart in marts)
    if found:
        raise StorykeepError(
            "; ".join(found),
            where=f"the marts and their rebuild from raw as of {as_of:%Y-%m-%d %H:%M:%S}",
            remedy="take a backup and find out which is right; if raw is: storykeep build --anew",
        )
    log.info("rebuild: %d marts with %d rows are what raw comes to", len(marts), rows)
    return {"marts compared": len(marts), "mart rows compared": rows}


@contextmanager
def as_known_at(settings: Settings, moment: datetime) -> Iterator[tuple[psycopg.Connection, Publication]]:
    """Build the marts that were there at `moment` into schema `build_check`, where they are until the block ends.

    Builds wait meanwhile, and what is published stays. Raises StorykeepError when nothing was published by then.
    """
    with turn(settings) as conn:
        found = publications.last_before(conn, moment)
        with _scratch(conn):
            known = {"known_at": found.known_at.isoformat(), **found.variables}
            dbt.rebuild(settings, found.as_of, found.landed, SUFFIX, **known)
            yield conn, found


def _compare(conn: psycopg.Connection, marts: list[str]) -> list[str]:
    return [told for mart in marts if (told := differences(conn, mart, BUILT))]


def _built(conn: psycopg.Connection) -> list[str]:
    rows = conn.execute(
        "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r' order by relname",
        [BUILT],
    )
    return [name for (name,) in rows]


def _count(conn: psycopg.Connection, mart: str) -> int:
    ((rows,),) = conn.execute(compose("select count(*) from marts.{mart}", mart=mart)).fetchall()
    return int(rows)


@contextmanager
def _scratch(conn: psycopg.Connection) -> Iterator[None]:
    """The schemas of the rebuild, empty before and after."""
    _empty(conn)
    try:
        yield
    finally:
        _empty(conn)


def _empty(conn: psycopg.Connection) -> None:
    """Drop what a rebuild, also one that was killed, left. Its role cannot make schemas, so those stay."""
    kinds = {"v": sql.SQL("view"), "r": sql.SQL("table")}
    rows = conn.execute(
        "select nspname, relname, relkind from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
        " where nspname = any(%s) and relkind = any(%s)",
        [list(SCHEMAS), list(kinds)],
    ).fetchall()
    with conn.transaction():
        for schema, name, kind in rows:
            conn.execute(sql.SQL("drop {} if exists {} cascade").format(kinds[kind], sql.Identifier(schema, name)))
