"""Writes brands and campaigns as the file that imports back to them."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import psycopg
import yaml

from storykeep.campaigns.changes import MOMENTS
from storykeep.campaigns.registry import handles
from storykeep.campaigns.versions import Document
from storykeep.errors import StorykeepError


def export_campaigns(conn: psycopg.Connection) -> str:
    """Every brand and campaign as YAML: importing it changes nothing.

    Raises StorykeepError when two accounts have the handle of a participant, so that the file could not tell which.
    """
    # Campaigns first, so that a campaign of an import meanwhile is never without its brand.
    campaigns = _documents(
        conn, "select app.campaign_document(campaign_id)::text from app.campaigns order by brand_id, campaign_id"
    )
    brands = _documents(conn, "select app.brand_document(brand_id)::text from app.brands order by brand_id")
    names = handles(conn)
    _refuse_shared_handles(campaigns, names)
    top = {
        "brands": [_Line(_fields(brand, "brand_id", "name", "time_zone", "currency", "contact")) for brand in brands],
        "campaigns": [_block(_campaign(campaign, names)) for campaign in campaigns],
    }
    return yaml.dump(top, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))


def _documents(conn: psycopg.Connection, query: Any) -> list[Document]:
    return [json.loads(text, parse_float=Decimal) for (text,) in conn.execute(query)]


def _refuse_shared_handles(campaigns: Iterable[Document], names: Mapping[str, str]) -> None:
    bearers = Counter(names.values())
    for campaign in campaigns:
        for part in campaign["participants"]:
            if bearers[handle := names[part["account_id"]]] > 1:
                raise StorykeepError(
                    f"{bearers[handle]} accounts have the handle @{handle}, and a file cannot tell which is meant",
                    where=f"campaign {campaign['campaign_id']!r}",
                    remedy="import the account that is called otherwise now (storykeep accounts import)",
                )


def _campaign(document: Document, names: Mapping[str, str]) -> dict[str, Any]:
    """A campaign's document as it stands in a campaigns file, with the handles of its accounts."""
    parts = [
        {"username": names[part["account_id"]], "from": part["valid_from"], "to": part["valid_to"], "fee": part["fee"]}
        for part in document["participants"]
    ]
    promised = [
        one | {"username": names[one["account_id"]] if one["account_id"] else None} for one in document["deliverables"]
    ]
    return {
        **_fields(document, "campaign_id", "brand_id", "name", "starts_at", "ends_at", "cost", "currency", "scope"),
        "rules": [_fields(rule, "kind", "value") for rule in document["rules"]],
        "participants": sorted(
            (_fields(part, "username", "from", "to", "fee") for part in parts),
            key=lambda part: (part["username"], part["from"]),
        ),
        "deliverables": [_fields(one, "deliverable_id", "username", "kind", "quantity", "due_at") for one in promised],
    }


def _fields(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """These fields of a row, in this order, as far as they are known; moments as people write them."""
    return {
        name: row[name].replace("+00:00", "Z") if name in MOMENTS else row[name]
        for name in names
        if row[name] is not None
    }


class _Line(dict[str, Any]):
    """A mapping that is written in one line."""


def _block(campaign: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign with each row of its lists in one line."""
    return {key: [_Line(row) for row in value] if isinstance(value, list) else value for key, value in campaign.items()}


class _Dumper(yaml.SafeDumper):
    """Writes money as people do, and lines as such."""


def _represent_line(dumper: yaml.SafeDumper, line: _Line) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", line, flow_style=True)


def _represent_money(dumper: yaml.SafeDumper, money: Decimal) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:float", f"{money:f}")


_Dumper.add_representer(_Line, _represent_line)
_Dumper.add_representer(Decimal, _represent_money)
