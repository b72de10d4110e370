"""`storykeep db restore`: a dump into an empty database, and the proof that nothing is missing."""

from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic.script import ScriptDirectory

import storykeep.migrations
from storykeep.backup.manifest import Manifest, read
from storykeep.backup.programs import find, run
from storykeep.backup.proof import EQUAL, Compared, compare, prove
from storykeep.errors import StorykeepError
from storykeep.migrations.upgrade import LOCK, make_database, make_roles, make_schemas
from storykeep.settings import Settings
from storykeep.warehouse import connect

SHOWN = 5


@dataclass(frozen=True)
class Restored:
    """What a restore came to: each table compared, and the revision that this Storykeep would upgrade it to."""

    manifest: Manifest
    tables: list[Compared]
    newest_revision: str

    @property
    def differing(self) -> list[str]:
        """What differs, a line for each table."""
        return [f"{table.table} {table.proof}" for table in self.tables if table.proof != EQUAL]


def restore(settings: Settings, file: Path) -> Restored:
    """Restore the dump `file` into the warehouse database and compare every table with the manifest.

    The database and the roles are made where they are missing. Raises StorykeepError when the dump is not whole or of
    a newer Storykeep, when the database is not empty, and when pg_restore fails; the database is then as it was.
    """
    manifest, revisions = read(file), _revisions()
    if manifest.revision not in revisions:
        raise StorykeepError(
            f"this dump is of revision {manifest.revision}, which this Storykeep does not know",
            where=str(file),
            remedy="restore it with the version of Storykeep that made it, or a newer one",
        )
    admin = settings.warehouse_admin
    try:
        make_database(admin, settings.warehouse)
        with connect(admin) as conn:
            conn.autocommit = True
            conn.execute("select pg_advisory_lock(%s)", [LOCK])  # no upgrade meanwhile; held until this is closed
            _require_empty(conn)
            program = find("pg_restore", conn.info.server_version // 10_000)
            make_roles(conn, settings)
            run(program, ["--single-transaction", "--exit-on-error", str(file.absolute())], admin)
            make_schemas(conn, admin.database)  # for the rights on the database itself, which no dump holds
            conn.execute("analyze")
            with conn.transaction():
                found = prove(conn)
    except psycopg.errors.InsufficientPrivilege as error:
        raise StorykeepError(
            str(error).splitlines()[0],
            where=f"Postgres login {admin.user!r}",
            remedy="set AIRFLOW_CONN_WAREHOUSE_ADMIN to a login that may create roles and databases",
        ) from None
    return Restored(manifest, compare(manifest.tables, found), revisions[0])


def _revisions() -> list[str]:
    """Every revision that this Storykeep knows, the newest first."""
    folder = Path(storykeep.migrations.__path__[0])
    return [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]


def _require_empty(conn: psycopg.Connection) -> None:
    """Raise StorykeepError naming what is in the way: schemas of anybody but Postgres, tables and views in public."""
    rows = conn.execute(
        """
        select 'schema ' || nspname
        from pg_namespace
        where nspname not in ('information_schema', 'public') and nspname !~ '^pg_'
            and not exists (select from pg_depend where objid = pg_namespace.oid and deptype = 'e')
        union all
        select 'public.' || relname
        from pg_class
        where relnamespace = to_regnamespace('public') and relkind in ('r', 'p', 'v', 'm', 'f')
            and not exists (select from pg_depend where objid = pg_class.oid and deptype = 'e')
        order by 1
        """
    ).fetchall()
    names = [name for (name,) in rows]
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise StorykeepError(
            f"a dump goes into an empty database only, and this one has {', '.join(names[:SHOWN])}{more}",
            where=f"database {conn.info.dbname!r}",
            remedy="drop it, or name a new one in AIRFLOW_CONN_WAREHOUSE and AIRFLOW_CONN_WAREHOUSE_ADMIN",
        )
