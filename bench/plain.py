"""The API without Storykeep: the calls of a listing and of a reading, and batches of them, as plain data."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from pydantic import SecretStr
from stage import Account

from storykeep.graph.auth import app_token, proof
from storykeep.graph.endpoints import STORY_FIELDS
from storykeep.graph.metrics import media_groups
from storykeep.settings import GraphSettings

BATCH = 50


@dataclass(frozen=True)
class Call:
    """One GET: where, with what, and whose token."""

    path: str
    params: dict[str, str]
    token: str


def listing(api: GraphSettings, account: Account) -> Call:
    """The call that lists an account's stories."""
    return _call(api, account, f"{account['ig_user_id']}/stories", {"fields": STORY_FIELDS})


def reading(api: GraphSettings, account: Account, story_id: str) -> list[Call]:
    """The calls that read a story: one for each metric group that Storykeep reads."""
    asked = [
        {"metric": ",".join(group.metrics)} | ({"breakdown": group.breakdown} if group.breakdown else {})
        for group in media_groups("STORY", api.flavour)
    ]
    return [_call(api, account, f"{story_id}/insights", params) for params in asked]


def batch_forms(api: GraphSettings, calls: Sequence[Call]) -> Iterator[dict[str, str]]:
    """The forms of the batches that carry these calls, 50 in each."""
    outer = {"access_token": app_token(api).get_secret_value(), "include_headers": "true", **proof(api, app_token(api))}
    for first in range(0, len(calls), BATCH):
        items = [
            {"method": "GET", "relative_url": f"{call.path}?{urlencode({**call.params, 'access_token': call.token})}"}
            for call in calls[first : first + BATCH]
        ]
        yield outer | {"batch": json.dumps(items, separators=(",", ":"))}


def _call(api: GraphSettings, account: Account, path: str, params: dict[str, str]) -> Call:
    token = account["access_token"]
    return Call(f"{api.version}/{path}", params | proof(api, SecretStr(token)), token)
