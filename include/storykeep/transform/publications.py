"""What the published marts were made of, for good: the rows of `app.publications`.

A build writes down what it is made of before it begins, and the publication keeps it, if it changed any mart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from storykeep.clock import Clock, system_clock
from storykeep.errors import StorykeepError

COLUMNS = "as_of, known_at, project, variables, landed"


@dataclass(frozen=True)
class Publication:
    """What the marts were made of that were there from `published_at` on.

    They are about the moment `as_of`, of the raw rows up to the landing ids `landed`, by table, and of the brands and
    campaigns as they were at `known_at`; `variables` are the settings and `project` the models that made them.
    """

    published_at: datetime
    as_of: datetime
    known_at: datetime
    project: str
    variables: dict[str, str]
    landed: dict[str, int]


def begin(
    conn: psycopg.Connection,
    as_of: datetime,
    project: str,
    variables: Mapping[str, Any],
    landed: Mapping[str, int],
    clock: Clock = system_clock,
) -> None:
    """Write down what a build that begins now is made of."""
    with conn.transaction():
        conn.execute(
            "create table if not exists intermediate.built_from (as_of timestamptz, known_at timestamptz, project text,"
            " variables jsonb, landed jsonb)"
        )
        conn.execute("delete from intermediate.built_from")
        conn.execute(
            f"insert into intermediate.built_from ({COLUMNS}) values (%s, %s, %s, %s, %s)",  # noqa: S608
            [as_of, clock(), project, Jsonb(variables), Jsonb(landed)],
        )


def note(conn: psycopg.Connection, as_of: datetime, *, changed: bool, clock: Clock = system_clock) -> None:
    """Keep what the marts as of `as_of` are made of, in the transaction that publishes them.

    Where that `changed` none of them, the publication before it says what they were, if there is one.
    """
    if conn.execute("select to_regclass('intermediate.built_from')").fetchone() == (None,):
        return
    conn.execute(
        f"insert into app.publications (published_at, {COLUMNS})"  # noqa: S608 (a constant of this file)
        f" select %s, {COLUMNS} from intermediate.built_from"
        " where as_of = %s and (%s or not exists (select from app.publications))",
        [clock(), as_of, changed],
    )


def last_before(conn: psycopg.Connection, moment: datetime) -> Publication:
    """The publication whose marts were there at `moment`. Raises StorykeepError when none was."""
    with conn.cursor(row_factory=class_row(Publication)) as cursor:
        found = cursor.execute(
            f"select published_at, {COLUMNS} from app.publications where published_at <= %s"  # noqa: S608
            " order by publication_id desc limit 1",
            [moment],
        ).fetchone()
    if found:
        return found
    ((first,),) = conn.execute("select min(published_at) from app.publications").fetchall()
    raise StorykeepError(
        f"no publication is known from before {moment:%Y-%m-%dT%H:%M:%SZ}",
        where="--as-known-at",
        remedy=f"the first one is of {first:%Y-%m-%dT%H:%M:%SZ}" if first else "run: storykeep build",
    )
