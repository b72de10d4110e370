"""Connections to the warehouse, each in the one role that its part of the house needs."""

from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storykeep.errors import StorykeepError
from storykeep.settings import PostgresSettings

Role = Literal["storykeep_owner", "storykeep_ingest", "storykeep_transform"]

CONNECT_SECONDS = 10
# A host that vanished without a word is given up after so long; left to itself, the kernel waits for up to two hours.
VANISHED_SECONDS = 25
PATIENCE: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "tcp_user_timeout": VANISHED_SECONDS * 1000,  # while it owes us a receipt
    "keepalives_idle": 10,  # while we wait for it
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# SQLSTATEs, or how their classes begin, by which a server says that it cannot work now: connection, resources (full
# disk, too many connections), shutting down or starting, its own system's errors, and a replica that takes no writes.
AWAY = ("08", "53", "57P", "58", "25006")
# By which it says that another try will do: it gave way to another (a deadlock), or did not get a lock, or was stopped.
PASSING = ("40", "55P03", "57014")


class WarehouseAwayError(StorykeepError):
    """Postgres cannot be reached, or cannot work; nothing is wrong with what was asked of it."""


def is_outage(error: psycopg.Error) -> bool:
    """Whether an error says that Postgres is away, rather than that it refuses what it was told."""
    if error.sqlstate is None:  # it comes from libpq: there is no connection any more
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(AWAY)


def is_passing(error: psycopg.Error) -> bool:
    """Whether the same may be told to Postgres again later, since nothing is wrong with it."""
    return is_outage(error) or (error.sqlstate or "").startswith(PASSING)


def connect(postgres: PostgresSettings, role: Role | None = None) -> psycopg.Connection:
    """Open a connection to `postgres`, in UTC and, when given, in `role`.

    Raises WarehouseAwayError when the server cannot be reached or refuses the login, StorykeepError when it lacks the
    role.
    """
    where = f"Postgres {postgres.database!r} at {postgres.host}:{postgres.port}"
    try:
        address = make_conninfo(
            host=postgres.host,
            port=postgres.port,
            user=postgres.user,
            password=postgres.password.get_secret_value(),
            dbname=postgres.database,
            options="-c timezone=UTC",
            application_name=role or "storykeep",
            **PATIENCE,
            **postgres.tls,
        )
        conn = psycopg.connect(address)
    except psycopg.OperationalError as error:
        raise WarehouseAwayError(
            _reason(error),
            where=where,
            remedy="check that the server runs and that AIRFLOW_CONN_WAREHOUSE names it rightly",
        ) from None
    if role:
        _set_role(conn, role, where)
    return conn


def first_line(error: psycopg.Error) -> str:
    """What went wrong, in one line: the others are details and guesses."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _reason(error: psycopg.OperationalError) -> str:
    """What libpq says in its first line, without the address; the next lines are its guesses."""
    return str(error).strip().partition("\n")[0].rpartition(" failed: ")[2]


def _set_role(conn: psycopg.Connection, role: Role, where: str) -> None:
    try:
        conn.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        conn.commit()
    except psycopg.Error as error:
        conn.close()
        if is_outage(error):
            raise WarehouseAwayError(first_line(error), where=where, remedy="see that the server runs") from None
        raise StorykeepError(
            f"cannot take on the role {role}", where=where, remedy="run: storykeep db upgrade"
        ) from None
