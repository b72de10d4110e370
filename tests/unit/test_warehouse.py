import psycopg
import pytest
from psycopg import errors

from storykeep.warehouse import is_outage


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("the connection is closed"),
        psycopg.OperationalError("server closed the connection unexpectedly"),
        errors.DiskFull(),
        errors.TooManyConnections(),
        errors.AdminShutdown(),
        errors.CrashShutdown(),
        errors.CannotConnectNow(),
        errors.ConnectionFailure(),
        errors.ReadOnlySqlTransaction(),
        errors.IoError(),
    ],
)
def test_these_say_that_postgres_is_away(error: psycopg.Error) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.UniqueViolation(),
        errors.CheckViolation(),
        errors.UndefinedTable(),
        errors.InsufficientPrivilege(),
        errors.DeadlockDetected(),
        errors.QueryCanceled(),
        errors.UntranslatableCharacter(),
        psycopg.ProgrammingError("can't adapt type"),
        psycopg.InterfaceError("the cursor is closed"),
        psycopg.DataError(),
    ],
)
def test_these_are_something_else(error: psycopg.Error) -> None:
    assert not is_outage(error)
