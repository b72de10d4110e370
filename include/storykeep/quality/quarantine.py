"""Raw rows that break a rule stay where they are, in quarantine; until released, the marts are built without them."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from storykeep.errors import StorykeepError
from storykeep.quality.rules import RULES, any_broken

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Held:
    """A row in quarantine; `username` is None for an account that nobody knows."""

    table: str
    landing_id: int
    username: str | None
    reason: str
    quarantined_at: datetime
    released_at: datetime | None
    released_by: str | None


def put_aside(conn: psycopg.Connection, spans: Mapping[str, tuple[int, int]], as_of: datetime) -> int:
    """Put the rows that break a rule into quarantine, and say so; returns how many are new there.

    `spans` are the landing ids to look at, by raw table: after the first, up to the second. What was released stays so.
    """
    return sum(_put_aside(conn, table, span, as_of) for table, span in spans.items())


def held(conn: psycopg.Connection) -> list[Held]:
    """Every row that is or was in quarantine, those that still are first."""
    with conn.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            """
            select
                table_name as table, landing_id, username, reason, quarantined_at, released_at, released_by
            from app.quarantine
            left join app.accounts using (account_id)
            order by released_at desc nulls first, quarantined_at desc, table_name, landing_id
            """
        ).fetchall()


def release(conn: psycopg.Connection, table: str, landing_id: int, by: str, now: datetime) -> None:
    """Let a row in: the next build takes it as it is. No build may be under way.

    Raises StorykeepError when it is not in quarantine, or still breaks a rule that dbt cannot do without.
    """
    where = f"raw.{table} {landing_id}"
    found = conn.execute(
        "select from app.quarantine where table_name = %s and landing_id = %s and released_at is null",
        [table, landing_id],
    )
    if not found.rowcount:
        raise StorykeepError("is not in quarantine", where=where, remedy="see: storykeep quarantine list")
    for rule in RULES[table]:
        if not rule.is_bearable and _is_broken(conn, table, landing_id, rule.broken):
            raise StorykeepError(
                f"cannot be let in, since the marts rely on this: {rule.claim}",
                where=where,
                remedy="it stays in quarantine; nothing else waits for it",
            )
    conn.execute(
        """
        update app.quarantine
        set released_at = %s, released_by = %s, release_id = nextval('app.releases')
        where table_name = %s and landing_id = %s
        """,
        [now, by, table, landing_id],
    )


def _put_aside(conn: psycopg.Connection, table: str, span: tuple[int, int], as_of: datetime) -> int:
    reasons = sql.SQL(", ").join(
        sql.SQL("case when ({}) is true then {} end").format(_condition(rule.broken), rule.claim)
        for rule in RULES[table]
    )
    rows = conn.execute(
        sql.SQL(
            """
            insert into app.quarantine (table_name, landing_id, account_id, reason, quarantined_at)
            select {name}, landing_id, account_id, concat_ws('; ', {reasons}), {as_of}
            from raw.{table}
            where landing_id > {after} and landing_id <= {until} and ({broken})
            on conflict do nothing
            returning landing_id, reason
            """
        ).format(
            name=table,
            reasons=reasons,
            as_of=as_of,
            table=sql.Identifier(table),
            after=span[0],
            until=span[1],
            broken=_condition(any_broken(RULES[table])),
        )
    ).fetchall()
    if rows:
        _forget_builds_with(conn, table, min(landing_id for landing_id, _ in rows))
    for reason, count in sorted(Counter(reason for _, reason in rows).items()):
        log.warning("quarantine: %d rows of raw.%s: not so: %s; see: storykeep quarantine list", count, table, reason)
    return len(rows)


def _forget_builds_with(conn: psycopg.Connection, table: str, landing_id: int) -> None:
    """Have the next build start anew when one has taken the row in: incremental builds do not see that rows go.

    A table without a mark is read whole at each build.
    """
    mark = "select from pg_attribute where attrelid = to_regclass('intermediate.last_build') and attname = %s"
    if conn.execute(mark, [table]).rowcount:
        taken_in = sql.SQL("delete from intermediate.last_build where {} >= %s").format(sql.Identifier(table))
        conn.execute(taken_in, [landing_id])


def _is_broken(conn: psycopg.Connection, table: str, landing_id: int, broken: str) -> bool:
    query = sql.SQL("select from raw.{} where landing_id = %s and ({}) is true")
    return conn.execute(query.format(sql.Identifier(table), _condition(broken)), [landing_id]).rowcount == 1


def _condition(text: str) -> sql.SQL:
    # No literal of ours here, but one of the conditions of rules.py.
    return sql.SQL(text)
