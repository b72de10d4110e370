"""`storykeep db backup`: one snapshot of the whole warehouse as a dump of pg_dump, with its manifest beside it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from storykeep.backup.manifest import Manifest, beside, sha256
from storykeep.backup.programs import find, run
from storykeep.backup.proof import prove
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.settings import Settings
from storykeep.transform.turn import turn
from storykeep.warehouse import connect


def backup(settings: Settings, file: Path, clock: Clock) -> Manifest:
    """Dump the warehouse to `file`; returns the manifest, which is in a file beside it.

    Capture goes on meanwhile. Builds wait, since dbt drops tables that a dump has still to read. Both files are for
    their owner only. Raises StorykeepError, and leaves neither file, when the dump fails or a file is there already.
    """
    manifest_file, part = beside(file), file.with_name(f"{file.name}.part")
    _require_free(file, manifest_file)
    with _claimed(part):
        with turn(settings):
            manifest = _dump(settings, part, clock)
        with _claimed(manifest_file):
            _write(manifest_file, manifest.model_dump_json(indent=2))
            part.rename(file)
    _sync(file.absolute().parent)
    return manifest


def _dump(settings: Settings, part: Path, clock: Clock) -> Manifest:
    """Prove and dump what one transaction sees."""
    admin = settings.warehouse_admin
    with connect(admin) as conn:
        conn.isolation_level, conn.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        program = find("pg_dump", conn.info.server_version // 10_000)
        conn.execute("set local idle_in_transaction_session_timeout = 0")  # idle while pg_dump works
        (row,) = conn.execute("select pg_export_snapshot()").fetchall()
        made_at, revision, tables = clock(), _revision(conn), prove(conn)
        run(program, ["--format=custom", f"--snapshot={row[0]}", f"--file={part}"], admin)
        return Manifest(
            made_at=made_at,
            database=admin.database,
            server_version=conn.info.parameter_status("server_version") or "",
            revision=revision,
            dump_sha256=sha256(part),
            tables=tables,
        )


def _revision(conn: psycopg.Connection) -> str:
    if conn.execute("select to_regclass('app.alembic_version')").fetchone() == (None,):
        raise StorykeepError(
            "holds no warehouse", where=f"database {conn.info.dbname!r}", remedy="check AIRFLOW_CONN_WAREHOUSE_ADMIN"
        )
    ((revision,),) = conn.execute("select version_num from app.alembic_version").fetchall()
    return str(revision)


def _require_free(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            raise StorykeepError(
                "this file is there already, and a backup overwrites none",
                where=str(path),
                remedy="name another file, or move this one away",
            )


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Make the file, for its owner only, which nobody else may have made; remove it again if the work fails."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StorykeepError(
            "another backup is writing this file, or was killed while it did",
            where=str(path),
            remedy="wait for it, or delete the file if no backup runs",
        ) from None
    except OSError as error:
        raise StorykeepError(
            f"cannot be written ({error.strerror})",
            where=str(path),
            remedy="name a file in a folder that is there and that you may write",
        ) from None
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write(path: Path, text: str) -> None:
    """Write a small file so that it outlives a power cut; pg_dump does the same with the dump."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make the new names outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
