"""Whatever JSON the API answers, a call returns a value or raises a GraphError, and nothing else."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.unit.graph.fake_api import Fake

from storykeep.graph.client import GraphClient
from storykeep.graph.errors import GraphError
from storykeep.graph.pages import pages
from storykeep.graph.permissions import permissions, revoke
from storykeep.graph.signin import redeem
from storykeep.graph.subscriptions import subscribe, subscriptions, unsubscribe
from storykeep.graph.tokens import debug_token, exchange_facebook, exchange_instagram, me, refresh_instagram
from storykeep.settings import Flavour

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOKEN = SecretStr("EAAcanary")
CALLS: dict[str, tuple[Flavour, Callable[[GraphClient], Any]]] = {
    "debug_token": ("facebook", lambda client: debug_token(client, TOKEN)),
    "exchange_facebook": ("facebook", lambda client: exchange_facebook(client, TOKEN, NOW)),
    "exchange_instagram": ("instagram", lambda client: exchange_instagram(client, TOKEN, NOW)),
    "refresh_instagram": ("instagram", lambda client: refresh_instagram(client, TOKEN, NOW)),
    "me": ("instagram", lambda client: me(client, TOKEN)),
    "redeem_facebook": ("facebook", lambda client: redeem(client, SecretStr("canary-code"), "http://back", NOW)),
    "redeem_instagram": ("instagram", lambda client: redeem(client, SecretStr("canary-code"), "http://back", NOW)),
    "pages": ("facebook", lambda client: pages(client, TOKEN)),
    "permissions": ("facebook", lambda client: permissions(client, TOKEN)),
    "revoke": ("facebook", lambda client: revoke(client, TOKEN)),
    "subscribe": ("facebook", lambda client: subscribe(client, "2101", TOKEN, ("feed",))),
    "subscriptions": ("facebook", lambda client: subscriptions(client, "2101", TOKEN)),
    "unsubscribe": ("facebook", lambda client: unsubscribe(client, "2101", TOKEN)),
}
# The words that the decoders look for, so that arbitrary values come to stand where they look.
WORDS = re.findall(
    r"\w+",
    """data paging cursors after next error code error_subcode subcode message error_message error_type success
    access_token expires_in permissions user_id id username name tasks instagram_business_account is_valid scopes
    expires_at data_access_expires_at issued_at permission status subscribed_fields followers_count media_count""",
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(
        ["IGAAcanary", "a,b", "1", "-1", "²", "99999999999999999999", "canary-code", "\ud800", 2**32 - 1, 190, 0]
    )
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(WORDS), anything, max_size=8)
bodies = (
    anything
    | objects
    | st.builds(lambda rows: {"data": rows}, st.lists(objects, max_size=3) | objects)
    | st.builds(lambda after: {"data": [{}], "paging": {"next": "x", "cursors": {"after": after}}}, leaves)
    | st.builds(lambda row: {"data": {"is_valid": False, **row}}, objects)
    | st.builds(lambda row: {"access_token": "IGAAcanary", **row}, objects)
)


@pytest.mark.parametrize("name", CALLS)
@given(body=bodies, status=st.sampled_from([200, 200, 200, 400, 500]))
def test_any_answer_is_a_value_or_a_graph_error(name: str, body: Any, status: int) -> None:
    flavour, call = CALLS[name]
    raw = json.dumps(body).encode()
    try:
        repr(call(Fake(lambda _: (status, {}, raw), flavour).client))
    except GraphError as error:
        assert error.message.isprintable()
