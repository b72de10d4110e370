"""What was known of a brand or a campaign when: every change is a version, with its author and its moment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import psycopg
from psycopg import sql

Kind = Literal["brand", "campaign"]
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Version:
    """A brand or campaign as it was known from `recorded_at` on, until the next version."""

    version: int
    recorded_at: datetime
    author: str
    document: Document

    @property
    def is_from_before_history(self) -> bool:
        """Whether nobody knows since when it was so, since changes were not written down yet."""
        return self.recorded_at.timestamp() == 0


def document(conn: psycopg.Connection, kind: Kind, its_id: str) -> Document | None:
    """What is known of a brand or campaign now; None when there is none of that id."""
    query = sql.SQL("select {}(%s)::text").format(sql.Identifier("app", f"{kind}_document"))
    ((text,),) = conn.execute(query, [its_id]).fetchall()
    return None if text is None else _read(text)


def record(conn: psycopg.Connection, kind: Kind, its_id: str, author: str, now: datetime) -> bool:
    """Write what is known now as a version, unless the last version says the same; whether one was written.

    No version is recorded before its predecessor, whatever the clock says. The caller commits.
    """
    names = _names(kind)
    written = conn.execute(
        sql.SQL(
            """
            insert into {versions} ({its_id}, version, recorded_at, author, document)
            select
                %(its_id)s, coalesce(last.version, 0) + 1, greatest(%(now)s, last.recorded_at), %(author)s,
                known.document
            from (select {document}(%(its_id)s) as document) as known
            left join (
                select version, recorded_at, document from {versions}
                where {its_id} = %(its_id)s order by version desc limit 1
            ) as last on true
            where known.document is distinct from last.document
            """
        ).format(**names),
        {"its_id": its_id, "author": author, "now": now},
    )
    return written.rowcount == 1


def versions(conn: psycopg.Connection, kind: Kind, its_id: str) -> list[Version]:
    """Every version of a brand or campaign, the first one first."""
    query = sql.SQL(
        "select version, recorded_at, author, document::text from {versions} where {its_id} = %s order by version"
    ).format(**_names(kind))
    return [
        Version(version, recorded_at, author, _read(text))
        for version, recorded_at, author, text in conn.execute(query, [its_id])
    ]


def _names(kind: Kind) -> dict[str, sql.Identifier]:
    return {
        "versions": sql.Identifier("app", f"{kind}_versions"),
        "document": sql.Identifier("app", f"{kind}_document"),
        "its_id": sql.Identifier(f"{kind}_id"),
    }


def _read(text: str) -> Document:
    """A document with its sums of money exact."""
    document: Document = json.loads(text, parse_float=Decimal)
    return document
