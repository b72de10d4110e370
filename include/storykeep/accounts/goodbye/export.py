"""The creator's receipt: everything that is kept of one account, in one zip file.

Rows are JSON Lines, a file for each table, in the order of their primary keys; media files are as they came. The same
content makes the same bytes.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import copyfileobj
from typing import Any, LiteralString
from uuid import uuid4
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from upath import UPath

from storykeep.accounts.goodbye.marts import marts
from storykeep.accounts.registry import find_account
from storykeep.errors import StorykeepError

Progress = Callable[[str, int], None]

# Rows that are held in memory at a time.
AT_A_TIME = 1_000
# One moment for every entry, so that the file depends on nothing but its content.
MOMENT = (1980, 1, 1, 0, 0, 0)
README = """\
Everything that is kept about the Instagram account @{username} ({ig_user_id}), as of {now:%Y-%m-%d %H:%M:%S} UTC.

{contents}

Each line of a .jsonl file is one row as JSON. What the API answered is under `payload`, as it came.
app/    the account, its connection, its consents, and what was decided about it
raw/    listings, stories, numbers and files as they were captured
marts/  what is reported of it
media/  the files; raw/media_files.jsonl says of which story each is
evidence/  the screenshots of what people entered by hand; raw/manual_entries.jsonl says of which entry each is
Left out are access tokens, which are secrets, and the bytes of replies that could not be read ({letters} of them).
"""
# What was known of its part in campaigns when, without that of others.
PART_IN_CAMPAIGNS = """
    select campaign_id, version, recorded_at,
        jsonb_path_query_array(document, '$.participants[*] ? (@.account_id == $account)', wanted) as participants,
        jsonb_path_query_array(document, '$.deliverables[*] ? (@.account_id == $account)', wanted) as deliverables
    from app.campaign_versions cross join (select jsonb_build_object('account', %s::text) as wanted) as who
    where jsonb_path_exists(document, '$.*[*] ? (@.account_id == $account)', wanted)
    order by campaign_id, version
"""
# What people entered of it, also where they named a story of it alone.
_OF_ENTRIES = sql.SQL("entry_id in (select raw.entries_of(%s))")
# Tables that say by something else than the account whose their rows are.
BESIDE: dict[str, LiteralString] = {
    "app/creators": "select creators.* from app.creators join app.accounts using (creator_id) where account_id = %s",
    "app/campaign_versions": PART_IN_CAMPAIGNS,
    "app/entry_approvals": """
        select * from app.entry_approvals where entry_id in (select raw.entries_of(%s)) order by approval_id
    """,
    "app/entry_files": """
        select * from app.entry_files
        where file_hash in (
            select file_hash from raw.manual_entries where entry_id in (select raw.entries_of(%s))
        )
        order by file_hash
    """,
}
# The files in the storage, by the folder of the zip that they go into.
FILES: dict[str, LiteralString] = {
    "media": "select distinct path from raw.media_files where account_id = %s and path is not null order by path",
    "evidence": """
        select distinct evidence_path from raw.manual_entries
        where entry_id in (select raw.entries_of(%s)) and evidence_path is not null
        order by evidence_path
    """,
}


@dataclass(frozen=True)
class _Table:
    """One table to be exported: what it is called in the zip, and the query for its rows."""

    name: str
    query: sql.Composed


def export(
    conn: psycopg.Connection,
    of_marts: psycopg.Connection,
    root: UPath,
    username: str,
    file: Path,
    now: datetime,
    progress: Progress = lambda what, count: None,
) -> dict[str, int]:
    """Write the receipt of an account to `file`, whole or not at all; returns how many rows or files of each kind.

    `conn` reads app and raw as of one moment, `of_marts` the marts; neither is in a transaction. `progress` is told
    each kind when it is done. Raises StorykeepError when there is no such account or the file cannot be written.
    """
    account_id = find_account(conn, username)
    conn.rollback()
    with (
        _as_of_one_moment(conn),
        of_marts.transaction(),
        _whole(file) as part,
        ZipFile(part, "w", ZIP_DEFLATED) as archive,
    ):
        counts: dict[str, int] = {}
        for source, tables in ((conn, _tables(conn)), (of_marts, _marts(of_marts))):
            for table in tables:
                counts[table.name] = _write_rows(source, archive, table, account_id)
                progress(table.name, counts[table.name])
        for kind, query in FILES.items():
            counts |= _write_files(conn, archive, root, kind, sql.SQL(query).format(), account_id)
            progress(kind, counts[kind])
        _write_readme(conn, archive, account_id, counts, now)
    return counts


@contextmanager
def _as_of_one_moment(conn: psycopg.Connection) -> Iterator[None]:
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        yield


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """A temporary name beside the file, for its owner only, that becomes the file when all went well."""
    part = file.with_name(f".{file.name}.{uuid4()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            yield part
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorykeepError(
            f"cannot be written: {error.strerror or error}",
            where=str(file),
            remedy="name a file in a folder that is there, with room for the account's media",
        ) from None


def _tables(conn: psycopg.Connection) -> list[_Table]:
    """All of app and raw that names the account and that may be read, without secrets; and its creator."""
    rows = conn.execute(
        """
        select relnamespace::regnamespace::text, relname,
            array_agg(attname order by attnum),
            coalesce((
                select array_agg(keys.attname order by place)
                from pg_constraint
                cross join lateral unnest(conkey) with ordinality as parts (number, place)
                join pg_attribute as keys on keys.attrelid = conrelid and keys.attnum = number
                where conrelid = pg_class.oid and contype = 'p'
            ), array_agg(attname order by attnum))
        from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        where relnamespace in ('app'::regnamespace, 'raw'::regnamespace) and relkind in ('r', 'p')
            and not relispartition and has_table_privilege(pg_class.oid, 'select')
            and atttypid <> 'bytea'::regtype and attname !~ '(token_hash|secret|verifier)'
            and exists (
                select from pg_attribute as named
                where named.attrelid = pg_class.oid and named.attname = 'account_id' and not named.attisdropped
            )
        group by pg_class.oid, relnamespace, relname
        order by 1, 2
        """
    ).fetchall()
    found = [
        _Table(
            f"{schema}/{name}",
            sql.SQL("select {} from {} where {} order by {}").format(
                _listed(columns),
                sql.Identifier(schema, name),
                _OF_ENTRIES if name == "manual_entries" else sql.SQL("account_id = %s"),
                _listed(key),
            ),
        )
        for schema, name, columns, key in rows
    ]
    return [*(_Table(name, sql.SQL(query).format()) for name, query in BESIDE.items()), *found]


def _marts(conn: psycopg.Connection) -> list[_Table]:
    return [
        _Table(
            f"marts/{mart.name}",
            sql.SQL('select * from marts.{} as shown where {} order by shown::text collate "C"').format(
                sql.Identifier(mart.name), mart.of_account()
            ),
        )
        for mart in marts(conn)
    ]


def _listed(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _write_rows(conn: psycopg.Connection, archive: ZipFile, table: _Table, account_id: str) -> int:
    count = 0
    with (
        archive.open(_entry(f"{table.name}.jsonl", ZIP_DEFLATED), "w", force_zip64=True) as lines,
        conn.cursor("export", row_factory=dict_row) as cursor,
    ):
        cursor.itersize = AT_A_TIME
        cursor.execute(table.query, [account_id])
        for row in cursor:
            count += 1
            lines.write(json.dumps(row, ensure_ascii=False, default=_plain).encode() + b"\n")
    return count


def _write_files(
    conn: psycopg.Connection, archive: ZipFile, root: UPath, kind: str, query: sql.Composed, account_id: str
) -> dict[str, int]:
    """The files of one kind, by the hash of their bytes; what the storage has lost is counted."""
    counts = {kind: 0, f"{kind} that the storage has lost": 0}
    with conn.cursor("files") as cursor:
        cursor.execute(query, [account_id])
        for (path,) in cursor:
            entry = _entry(f"{kind}/{Path(path).name}", ZIP_STORED)
            try:
                with (root / path).open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                    copyfileobj(source, target)
            except FileNotFoundError:
                counts[f"{kind} that the storage has lost"] += 1
            else:
                counts[kind] += 1
    return counts


def _write_readme(
    conn: psycopg.Connection, archive: ZipFile, account_id: str, counts: dict[str, int], now: datetime
) -> None:
    ((username, ig_user_id),) = conn.execute(
        "select username, ig_user_id from app.accounts where account_id = %s", [account_id]
    ).fetchall()
    text = README.format(
        username=username,
        ig_user_id=ig_user_id,
        now=now,
        contents="\n".join(f"{count:>9,}  {what}" for what, count in counts.items()),
        letters=counts["raw/dead_letters"],
    )
    archive.writestr(_entry("README.txt", ZIP_DEFLATED), text)


def _entry(name: str, compression: int) -> ZipInfo:
    entry = ZipInfo(name, MOMENT)
    entry.compress_type = compression
    entry.external_attr = 0o600 << 16
    return entry


def _plain(value: Any) -> str:
    """Times, dates and decimals as text."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
