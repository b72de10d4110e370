"""How far each raw table has come, so that all of one build looks at the same rows."""

import psycopg
from psycopg import sql


def newest(conn: psycopg.Connection) -> dict[str, int]:
    """The newest landing id of each raw table: landing transactions take turns, so no lower one is still to come."""
    tables = conn.execute(
        """
        select relname from pg_class
        join pg_attribute on attrelid = pg_class.oid and attname = 'landing_id'
        where relnamespace = 'raw'::regnamespace and relkind in ('r', 'p') and not relispartition
        order by relname
        """
    ).fetchall()
    found = {table: _newest(conn, table) for (table,) in tables}
    # A late row of an old day may have landed after all that retention left standing.
    found["story_insights"] = max(found["story_insights"], found.pop("story_insights_kept"))
    return found


def _newest(conn: psycopg.Connection, table: str) -> int:
    query = sql.SQL("select coalesce(max(landing_id), 0) from raw.{}").format(sql.Identifier(table))
    ((landing_id,),) = conn.execute(query).fetchall()
    return int(landing_id)
