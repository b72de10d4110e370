"""What was granted, and giving it back."""

from typing import Any

import pytest
import requests
from pydantic import SecretStr
from tests.unit.graph.fake_api import Fake, envelope, json_reply, proof_of, query

from storykeep.graph.errors import ReconnectError, UnreadableError
from storykeep.graph.permissions import permissions, revoke

TOKEN = SecretStr("EAAcanary")


def granted(name: str, status: str = "granted") -> dict[str, str]:
    return {"permission": name, "status": status}


def test_each_permission_has_its_status_also_one_that_is_not_known_yet() -> None:
    rows = [granted("instagram_basic"), granted("pages_show_list", "declined"), granted("x", "paused")]
    fake = Fake(lambda _: json_reply({"data": rows}))
    assert permissions(fake.client, TOKEN) == {
        "instagram_basic": "granted",
        "pages_show_list": "declined",
        "x": "paused",
    }
    [request] = fake.requests
    assert (request.url or "").startswith("http://graph.test/v26.0/me/permissions?")
    assert query(request)["appsecret_proof"] == proof_of("EAAcanary")
    assert "EAAcanary" not in (request.url or "")


def test_permissions_on_a_second_page_count_too() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        if "after" in query(request):
            return json_reply({"data": [granted("b")]})
        return json_reply({"data": [granted("a")], "paging": {"next": "x", "cursors": {"after": "c"}}})

    assert permissions(Fake(reply).client, TOKEN) == {"a": "granted", "b": "granted"}


def test_a_row_that_names_no_permission_costs_no_other() -> None:
    rows = [5, {"permission": None, "status": "granted"}, {"permission": "a"}, granted("b")]
    assert permissions(Fake(lambda _: json_reply({"data": rows})).client, TOKEN) == {"b": "granted"}


@pytest.mark.parametrize(("permission", "sent"), [(None, {}), ("instagram_basic", {"permission": "instagram_basic"})])
def test_all_or_one_permission_is_given_back(permission: str | None, sent: dict[str, str]) -> None:
    fake = Fake(lambda _: json_reply({"success": True}))
    revoke(fake.client, TOKEN, permission)
    [request] = fake.requests
    assert (request.method, (request.url or "").partition("?")[0]) == (
        "DELETE",
        "http://graph.test/v26.0/me/permissions",
    )
    assert query(request) == {**sent, "appsecret_proof": proof_of("EAAcanary")}
    assert request.headers["Authorization"] == "Bearer EAAcanary"


@pytest.mark.parametrize("body", [{}, {"success": False}, {"success": "true"}])
def test_what_is_not_confirmed_is_not_given_back(body: Any) -> None:
    with pytest.raises(UnreadableError):
        revoke(Fake(lambda _: json_reply(body)).client, TOKEN)


def test_a_dead_token_gives_nothing_back() -> None:
    with pytest.raises(ReconnectError):
        revoke(Fake(lambda _: json_reply(envelope(190, 458), 400)).client, TOKEN)
