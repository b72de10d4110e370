"""A creator who connects again: through the dialog to a lasting token, which is then imported."""

from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import psycopg
import requests
from pydantic import SecretStr
from stage import Account, take_in

from storykeep.graph.client import GraphClient
from storykeep.graph.signin import redeem
from storykeep.graph.tokens import NewToken, exchange_facebook, exchange_instagram
from storykeep.local.stack import LocalStack
from storykeep.settings import Flavour, Settings

# Asks for all permissions anew, and for the data access to begin anew: else it ends when it would have ended.
AUTH_TYPE = "rerequest,reauthorize"
BACK = "https://storykeep.example/back"
SECONDS = 10
PATHS: dict[Flavour, str] = {"facebook": "v26.0/dialog/oauth", "instagram": "oauth/authorize"}
SCOPES: dict[Flavour, str] = {
    "facebook": "instagram_basic,instagram_manage_insights,pages_show_list,pages_read_engagement",
    "instagram": "instagram_business_basic,instagram_business_manage_insights",
}


def connect_again(
    conn: psycopg.Connection, settings: Settings, stack: LocalStack, account: Account, now: datetime
) -> SecretStr:
    """Let the owner of `account`, a row of accounts.csv, sign in, and connect it with the new token; returns that."""
    token = _signed_in(settings, stack, account, now)
    row = {
        **account,
        "access_token": token.token.get_secret_value(),
        "token_expires_at": token.expires_at.isoformat() if token.expires_at else "",
        "data_access_expires_at": "",
    }
    take_in(conn, settings, [row], now)
    return token.token


def _signed_in(settings: Settings, stack: LocalStack, account: Account, now: datetime) -> NewToken:
    flavour: Flavour = "facebook" if account["login_flavour"] == "facebook" else "instagram"
    api = settings.graph(flavour)
    client = GraphClient(replace(api, token_url=f"{api.base_url}/oauth/access_token"))
    short = redeem(client, _code(stack, client, account), BACK, now).token
    return (exchange_facebook if flavour == "facebook" else exchange_instagram)(client, short.token, now)


def _code(stack: LocalStack, client: GraphClient, account: Account) -> SecretStr:
    """What the dialog hands back."""
    stack.tell_sandbox("dialog", {"ig_user_id": account["ig_user_id"]})
    api = client.api
    params = {
        "client_id": api.app_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": SCOPES[api.flavour],
        "auth_type": AUTH_TYPE,
    }
    url = f"{api.base_url}/{PATHS[api.flavour]}"
    reply = requests.get(url, params=params, allow_redirects=False, timeout=SECONDS)
    return SecretStr(parse_qs(urlsplit(reply.headers["Location"]).query)["code"][0])
