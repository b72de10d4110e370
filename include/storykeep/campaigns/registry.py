"""The registry of brands and campaigns: the import of a file, all of it or nothing, each change with its author."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from storykeep.campaigns.changes import Change, change
from storykeep.campaigns.document import Document, read_document
from storykeep.campaigns.parts import Brand, Campaign
from storykeep.campaigns.versions import Kind, document, record
from storykeep.errors import StorykeepError


@dataclass(frozen=True)
class ImportResult:
    """What an import found and did, or would do. With a fault, nothing was changed."""

    brands: int
    campaigns: int
    changes: tuple[Change, ...]
    faults: tuple[StorykeepError, ...]


def import_campaigns(
    conn: psycopg.Connection, path: Path, author: str, now: datetime, *, dry_run: bool = False
) -> ImportResult:
    """Bring brands and campaigns to what a YAML file says of them, and commit: all of the file or nothing.

    A campaign's participants, rules and deliverables become those of the file; campaigns that it does not name stay as
    they are. Each change is a version of `author`, known from `now` on. A dry run tells the same and changes nothing.
    Raises StorykeepError when the file cannot be read, is not YAML or has another shape.
    """
    read = read_document(path)
    faults = [*read.faults, *_unknown_brands(conn, read)]
    changes: list[Change] = []
    with conn.transaction(force_rollback=dry_run):
        # One import after the other, so that what a change is told against stays as it is.
        conn.execute("lock table app.campaigns in share row exclusive mode")
        accounts, unknown = _participants(conn, read)
        faults += unknown
        if not faults:
            changes += _keep(conn, read, accounts, author, now)
    conn.commit()
    return ImportResult(len(read.brands), len(read.campaigns), tuple(changes), tuple(faults))


def handles(conn: psycopg.Connection) -> dict[str, str]:
    """The handle of every account, by account id."""
    return dict(conn.execute("select account_id, username from app.accounts").fetchall())


def _keep(
    conn: psycopg.Connection, read: Document, accounts: Mapping[str, str], author: str, now: datetime
) -> Iterator[Change]:
    """Write the brands, then the campaigns, with a version of each that differs from what was known."""
    names = handles(conn)
    parts: list[tuple[Kind, str, Brand | Campaign]] = [
        *(("brand", brand.brand_id, brand) for brand in read.brands.values()),
        *(("campaign", campaign.campaign_id, campaign) for campaign in read.campaigns.values()),
    ]
    for kind, its_id, part in parts:
        before = document(conn, kind, its_id)
        if isinstance(part, Brand):
            _keep_brand(conn, part)
        else:
            _keep_campaign(conn, part, accounts)
        record(conn, kind, its_id, author, now)
        if changed := change(kind, its_id, before, document(conn, kind, its_id) or {}, names):
            yield changed


def _unknown_brands(conn: psycopg.Connection, read: Document) -> list[StorykeepError]:
    known = read.brand_ids | {row[0] for row in conn.execute("select brand_id from app.brands")}
    return [
        StorykeepError(
            f"there is no brand {campaign.brand_id!r}",
            where=f"{place}: brand_id",
            remedy="add it under brands, or correct the id",
        )
        for place, campaign in read.campaigns.items()
        if campaign.brand_id not in known
    ]


def _participants(conn: psycopg.Connection, read: Document) -> tuple[dict[str, str], list[StorykeepError]]:
    """The account ids of the handles that the file names, and a fault for each handle that is not one account's."""
    named = {part.username for campaign in read.campaigns.values() for part in campaign.participants}
    found: dict[str, list[str]] = {}
    for handle, account_id in conn.execute(
        "select username, account_id from app.accounts where username = any(%s)", [list(named)]
    ):
        found.setdefault(handle, []).append(account_id)
    faults = [
        _not_one(f"{place}: participants[{number}].username", part.username, len(found.get(part.username, ())))
        for place, campaign in read.campaigns.items()
        for number, part in enumerate(campaign.participants)
        if len(found.get(part.username, ())) != 1
    ]
    return {handle: account_ids[0] for handle, account_ids in found.items()}, faults


def _not_one(where: str, handle: str, accounts: int) -> StorykeepError:
    what = f"{accounts} accounts have the handle @{handle}" if accounts else f"there is no account @{handle}"
    return StorykeepError(what, where=where, remedy="import the accounts first (storykeep accounts import)")


def _keep_brand(conn: psycopg.Connection, brand: Brand) -> None:
    conn.execute(
        """
        insert into app.brands as brands (brand_id, name, time_zone, currency, contact)
        values (%(brand_id)s, %(name)s, %(time_zone)s, %(currency)s, %(contact)s)
        on conflict (brand_id) do update
        set name = excluded.name, time_zone = excluded.time_zone, currency = excluded.currency,
            contact = excluded.contact
        where brands is distinct from excluded
        """,
        brand.model_dump(),
    )


def _keep_campaign(conn: psycopg.Connection, campaign: Campaign, accounts: Mapping[str, str]) -> None:
    """Write what differs."""
    conn.execute(
        """
        insert into app.campaigns as campaigns
            (campaign_id, brand_id, name, starts_at, ends_at, cost, currency, scope)
        values
            (%(campaign_id)s, %(brand_id)s, %(name)s, %(starts_at)s, %(ends_at)s, %(cost)s, %(currency)s, %(scope)s)
        on conflict (campaign_id) do update
        set brand_id = excluded.brand_id, name = excluded.name, starts_at = excluded.starts_at,
            ends_at = excluded.ends_at, cost = excluded.cost, currency = excluded.currency, scope = excluded.scope
        where campaigns is distinct from excluded
        """,
        campaign.model_dump(exclude={"rules", "participants", "deliverables"}),
    )
    rows: dict[tuple[str, tuple[str, ...]], Iterable[tuple[object, ...]]] = {
        ("campaign_participants", ("account_id", "valid_from", "valid_to", "fee")): (
            (accounts[part.username], part.valid_from, part.valid_to, part.fee) for part in campaign.participants
        ),
        ("match_rules", ("kind", "value")): ((rule.kind, rule.value) for rule in campaign.rules),
        ("deliverables", ("deliverable_id", "account_id", "kind", "quantity", "due_at")): (
            (one.deliverable_id, one.username and accounts[one.username], one.kind, one.quantity, one.due_at)
            for one in campaign.deliverables
        ),
    }
    for (table, columns), wanted in rows.items():
        _replace(conn, table, columns, campaign.campaign_id, set(wanted))


def _replace(
    conn: psycopg.Connection, table: str, columns: tuple[str, ...], campaign_id: str, rows: Set[tuple[object, ...]]
) -> None:
    """Make these the campaign's rows of a table."""
    names = {"table": sql.Identifier("app", table), "columns": sql.SQL(", ").join(map(sql.Identifier, columns))}
    present = conn.execute(
        sql.SQL("select {columns} from {table} where campaign_id = %s").format(**names), [campaign_id]
    ).fetchall()
    if set(present) == rows:
        return
    conn.execute(sql.SQL("delete from {table} where campaign_id = %s").format(**names), [campaign_id])
    marks = sql.SQL(", ").join([sql.Placeholder()] * (len(columns) + 1))
    with conn.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into {table} (campaign_id, {columns}) values ({marks})").format(**names, marks=marks),
            [(campaign_id, *row) for row in sorted(rows, key=str)],
        )
