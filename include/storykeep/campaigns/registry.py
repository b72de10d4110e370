"""The registry of brands and campaigns: import and list."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from storykeep.campaigns.document import Brand, Campaign, Document, read_document
from storykeep.errors import StorykeepError


@dataclass(frozen=True)
class ImportResult:
    """What an import found and did. With a fault, nothing was changed."""

    brands: int
    campaigns: int
    changed: int
    faults: tuple[StorykeepError, ...]


@dataclass(frozen=True)
class Listed:
    """One line of `storykeep campaigns list`."""

    campaign_id: str
    name: str
    brand_id: str
    brand: str
    starts_at: datetime
    ends_at: datetime
    cost: Decimal | None
    currency: str
    participants: int
    rules: list[str]


def import_campaigns(conn: psycopg.Connection, path: Path) -> ImportResult:
    """Bring brands and campaigns to what a YAML file says of them, and commit: all of the file or nothing.

    A campaign's participants and rules become those of the file; campaigns that it does not name stay as they are.
    Raises StorykeepError when the file cannot be read, is not YAML or has another shape.
    """
    document = read_document(path)
    faults = [*document.faults, *_unknown_brands(conn, document)]
    changed = 0
    with conn.transaction():
        accounts, unknown = _participants(conn, document)
        faults += unknown
        if not faults:
            changed += sum(_keep_brand(conn, brand) for brand in document.brands.values())
            changed += sum(_keep_campaign(conn, campaign, accounts) for campaign in document.campaigns.values())
    conn.commit()
    return ImportResult(len(document.brands), len(document.campaigns), changed, tuple(faults))


def list_campaigns(conn: psycopg.Connection) -> list[Listed]:
    """Every campaign with its brand, participants and rules, by brand and start."""
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(
            """
            select campaign_id, campaigns.name, brand_id, brands.name as brand, starts_at, ends_at, cost,
                campaigns.currency,
                (
                    select count(distinct account_id)
                    from app.campaign_participants as part
                    where part.campaign_id = campaigns.campaign_id
                ) as participants,
                array(
                    select case kind when 'hashtag' then '#' else '@' end || value
                    from app.match_rules as rule
                    where rule.campaign_id = campaigns.campaign_id
                    order by kind, value
                ) as rules
            from app.campaigns
            join app.brands using (brand_id)
            order by brand_id, starts_at, campaign_id
            """
        ).fetchall()


def _unknown_brands(conn: psycopg.Connection, document: Document) -> list[StorykeepError]:
    known = document.brand_ids | {row[0] for row in conn.execute("select brand_id from app.brands")}
    return [
        StorykeepError(
            f"there is no brand {campaign.brand_id!r}",
            where=f"{place}: brand_id",
            remedy="add it under brands, or correct the id",
        )
        for place, campaign in document.campaigns.items()
        if campaign.brand_id not in known
    ]


def _participants(conn: psycopg.Connection, document: Document) -> tuple[dict[str, str], list[StorykeepError]]:
    """The account ids of the handles that the file names, and a fault for each handle that is not one account's."""
    handles = {part.username for campaign in document.campaigns.values() for part in campaign.participants}
    found: dict[str, list[str]] = {}
    for handle, account_id in conn.execute(
        "select username, account_id from app.accounts where username = any(%s)", [list(handles)]
    ):
        found.setdefault(handle, []).append(account_id)
    faults = [
        _not_one(f"{place}: participants[{number}].username", part.username, len(found.get(part.username, ())))
        for place, campaign in document.campaigns.items()
        for number, part in enumerate(campaign.participants)
        if len(found.get(part.username, ())) != 1
    ]
    return {handle: account_ids[0] for handle, account_ids in found.items()}, faults


def _not_one(where: str, handle: str, accounts: int) -> StorykeepError:
    what = f"{accounts} accounts have the handle @{handle}" if accounts else f"there is no account @{handle}"
    return StorykeepError(what, where=where, remedy="import the accounts first (storykeep accounts import)")


def _keep_brand(conn: psycopg.Connection, brand: Brand) -> int:
    return conn.execute(
        """
        insert into app.brands as brands (brand_id, name, time_zone, currency, contact)
        values (%(brand_id)s, %(name)s, %(time_zone)s, %(currency)s, %(contact)s)
        on conflict (brand_id) do update
        set name = excluded.name, time_zone = excluded.time_zone, currency = excluded.currency,
            contact = excluded.contact
        where brands is distinct from excluded
        """,
        brand.model_dump(),
    ).rowcount


def _keep_campaign(conn: psycopg.Connection, campaign: Campaign, accounts: dict[str, str]) -> int:
    """Write what differs; 1 if anything did."""
    row = conn.execute(
        """
        insert into app.campaigns as campaigns (campaign_id, brand_id, name, starts_at, ends_at, cost, currency)
        values (%(campaign_id)s, %(brand_id)s, %(name)s, %(starts_at)s, %(ends_at)s, %(cost)s, %(currency)s)
        on conflict (campaign_id) do update
        set brand_id = excluded.brand_id, name = excluded.name, starts_at = excluded.starts_at,
            ends_at = excluded.ends_at, cost = excluded.cost, currency = excluded.currency
        where campaigns is distinct from excluded
        """,
        campaign.model_dump(exclude={"rules", "participants"}),
    ).rowcount
    parts = {(accounts[part.username], part.valid_from, part.valid_to) for part in campaign.participants}
    roster = _replace(
        conn, "campaign_participants", ("account_id", "valid_from", "valid_to"), campaign.campaign_id, parts
    )
    rules = {(rule.kind, rule.value) for rule in campaign.rules}
    return int(any([row, roster, _replace(conn, "match_rules", ("kind", "value"), campaign.campaign_id, rules)]))


def _replace(
    conn: psycopg.Connection, table: str, columns: tuple[str, ...], campaign_id: str, rows: Set[tuple[object, ...]]
) -> bool:
    """Make these the campaign's rows of a table; says whether they were others before."""
    names = {"table": sql.Identifier("app", table), "columns": sql.SQL(", ").join(map(sql.Identifier, columns))}
    present = conn.execute(
        sql.SQL("select {columns} from {table} where campaign_id = %s").format(**names), [campaign_id]
    ).fetchall()
    if set(present) == rows:
        return False
    conn.execute(sql.SQL("delete from {table} where campaign_id = %s").format(**names), [campaign_id])
    marks = sql.SQL(", ").join([sql.Placeholder()] * (len(columns) + 1))
    with conn.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into {table} (campaign_id, {columns}) values ({marks})").format(**names, marks=marks),
            [(campaign_id, *row) for row in sorted(rows, key=str)],
        )
    return True
