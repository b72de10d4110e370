"""`storykeep tokens rotate`: locks every kept token with the first key, so that the other keys can be removed."""

from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError

KEPT = ("token_encrypted", "page_token_encrypted", "previous_token_encrypted")


@dataclass(frozen=True)
class Rotation:
    """How many tokens were locked anew, and one error for each connection with a token that no key opens."""

    tokens: int
    lost: tuple[StorykeepError, ...]


def rotate(conn: psycopg.Connection, vault: Vault) -> Rotation:
    """Lock every token with the first key, connection by connection, and commit each.

    It may run beside anything, and again: what the first key has locked stays as it is. A token that no key opens is
    left alone too.
    """
    accounts = conn.execute(
        "select account_id, username from app.connections join app.accounts using (account_id) order by account_id"
    ).fetchall()
    conn.commit()
    tokens, lost = 0, list[StorykeepError]()
    for account_id, username in accounts:
        with conn.transaction():
            locked, errors = _rotate_one(conn, vault, account_id, f"@{username} ({account_id})")
        conn.commit()
        tokens += locked
        lost += errors[:1]
    return Rotation(tokens, tuple(lost))


def _rotate_one(
    conn: psycopg.Connection, vault: Vault, account_id: str, label: str
) -> tuple[int, list[StorykeepError]]:
    """How many tokens of a connection were locked anew, and an error for each that no key opens.

    Its row is held for the moment, so that no renewal comes in between and is undone. The token's version stays: what
    is found of the one that was read before is true of this one.
    """
    kept, lost = _kept(conn, account_id), list[StorykeepError]()
    anew: dict[str, bytes] = {}
    for column, locked in kept.items():
        try:
            relocked = vault.relock(locked, whose=label)
        except StorykeepError as error:
            lost.append(error)
            continue
        if relocked != locked:
            anew[column] = relocked
    if anew:
        columns = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in anew)
        query = sql.SQL("update app.connections set {} where account_id = %(account_id)s").format(columns)
        conn.execute(query, {**anew, "account_id": account_id})
    return len(anew), lost


def _kept(conn: psycopg.Connection, account_id: str) -> dict[str, bytes]:
    """The tokens that are kept of an account, whose row is locked."""
    query = sql.SQL("select {} from app.connections where account_id = %s for no key update")
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(query.format(sql.SQL(", ").join(map(sql.Identifier, KEPT))), [account_id])
        row = cursor.fetchone() or {}
    return {column: bytes(locked) for column, locked in row.items() if locked is not None}
