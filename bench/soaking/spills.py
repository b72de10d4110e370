"""Whether a token of the world lies anywhere in the clear: in any table of the warehouse, or in any file of the run."""

import re
from collections.abc import Iterable
from pathlib import Path

import psycopg
from psycopg import sql

from soaking.checks import Check
from storykeep.settings import FLAVOURS, Settings

# What a token of the sandbox looks like; its apps' own are given.
TOKEN = r"(EAA|IGAA)sbx[up][0-9a-f]{46}"
PIECE = 1 << 20


def in_tables(conn: psycopg.Connection, settings: Settings) -> Check:
    """Look through every row of every table. `conn` may read all of them."""
    pattern = "|".join([TOKEN, *_app_secrets(settings)])
    tables = conn.execute(
        """
        select nspname, relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema')
        order by 1, 2
        """
    ).fetchall()
    # Bytes as text as far as they are text, or a token in a bytea would look like digits.
    conn.execute("set bytea_output to escape")
    looked_at, wrong = 0, []
    for schema, name in tables:
        query = sql.SQL("select count(*), count(*) filter (where t::text ~ {pattern}) from {table} as t")
        parts = {"pattern": sql.Literal(pattern), "table": sql.Identifier(schema, name)}
        row = conn.execute(query.format(**parts)).fetchone()
        if row:
            looked_at += row[0]
            wrong += [f"{row[1]} rows of {schema}.{name}"] if row[1] else []
    return Check("no token or app secret in any table", looked_at, tuple(wrong))


def in_files(folders: Iterable[Path], settings: Settings, *, but: Iterable[str]) -> Check:
    """Look through every file, except those of these names and what lies in folders of these names."""
    pattern = re.compile("|".join([TOKEN, *_app_secrets(settings)]).encode())
    names = frozenset(but)
    files = [
        file
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not names & set(file.relative_to(folder).parts)
    ]
    found = [str(file) for file in files if _holds(file, pattern)]
    return Check("no token or app secret in any file of the run", len(files), tuple(found))


def _app_secrets(settings: Settings) -> list[str]:
    return [settings.graph(flavour).app_secret.get_secret_value() for flavour in FLAVOURS]


def _holds(file: Path, pattern: re.Pattern[bytes]) -> bool:
    """Whether the pattern is in the file, also across two pieces of it."""
    before = b""
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            if pattern.search(before + piece):
                return True
            before = piece[-200:]
    return False
