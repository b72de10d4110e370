"""The Pages of a creator and the Instagram accounts behind them."""

from typing import Any

import pytest
import requests
from pydantic import SecretStr
from tests.unit.graph.fake_api import Fake, envelope, json_reply, query

from storykeep.graph.errors import PermissionMissingError, UnreadableError
from storykeep.graph.pages import Page, is_professional, pages

TOKEN = SecretStr("EAAcanary")
IG = {"id": "17841400000000001", "username": "creator_a"}


def found(*rows: Any) -> list[Page]:
    return pages(Fake(lambda _: json_reply({"data": list(rows)})).client, TOKEN)


def test_a_page_with_its_token_and_its_account() -> None:
    row = {"id": "2101", "name": "P", "access_token": "EAApage", "tasks": ["ANALYZE"], "instagram_business_account": IG}
    assert found(row) == [Page("2101", "P", SecretStr("EAApage"), ("ANALYZE",), "17841400000000001", "creator_a")]


def test_a_page_without_an_account_stays_with_none() -> None:
    assert found({"id": "2102", "name": "P"}) == [Page("2102", "P", None, (), None, None)]


@pytest.mark.parametrize("business", [None, {}, {"id": None}, "text", {"id": ""}])
def test_the_account_may_be_linked_by_its_other_name(business: Any) -> None:
    [page] = found({"id": "1", "instagram_business_account": business, "connected_instagram_account": IG})
    assert (page.ig_user_id, page.ig_username, page.is_confirmed) == ("17841400000000001", "creator_a", False)


def test_the_business_link_comes_first() -> None:
    [page] = found({"id": "1", "connected_instagram_account": {"id": "5"}, "instagram_business_account": IG})
    assert (page.ig_user_id, page.is_confirmed) == ("17841400000000001", True)


def test_ids_that_come_as_numbers_keep_every_digit() -> None:
    [page] = found({"id": 2101, "instagram_business_account": {"id": 17841400000000001}})
    assert (page.page_id, page.ig_user_id) == ("2101", "17841400000000001")


@pytest.mark.parametrize("token", ["", 5, "a\r\nb", ["x"]])
def test_a_text_that_cannot_be_sent_is_no_token(token: Any) -> None:
    [page] = found({"id": "1", "access_token": token})
    assert page.token is None


def test_rows_that_are_no_pages_cost_no_other() -> None:
    assert [page.page_id for page in found({"name": "no id"}, None, 7, {"id": "\ud800"}, {"id": "1"})] == ["1"]


def test_every_page_of_the_list_is_read() -> None:
    def reply(request: requests.PreparedRequest) -> Any:
        number = int(query(request).get("after", "0"))
        paging = {"cursors": {"after": str(number + 1)}} | ({"next": "x"} if number < 4 else {})
        return json_reply({"data": [{"id": str(number)}], "paging": paging})

    fake = Fake(reply)
    assert [page.page_id for page in pages(fake.client, TOKEN)] == ["0", "1", "2", "3", "4"]
    first = query(fake.requests[0])
    assert first["limit"] == "100"
    assert {"access_token", "tasks"} <= set(first["fields"].split(","))
    assert all("EAAcanary" not in (request.url or "") for request in fake.requests)


def test_a_list_that_leads_round_in_circles_is_no_list() -> None:
    body = {"data": [{"id": "1"}], "paging": {"next": "x", "cursors": {"after": "c"}}}
    with pytest.raises(UnreadableError):
        pages(Fake(lambda _: json_reply(body)).client, TOKEN)


def test_the_permission_that_is_missing_is_named() -> None:
    with pytest.raises(PermissionMissingError) as caught:
        pages(Fake(lambda _: json_reply(envelope(10), 403)).client, TOKEN)
    assert caught.value.scope == "pages_show_list"


def test_no_repr_shows_a_pages_token() -> None:
    assert "EAApage" not in repr(found({"id": "1", "access_token": "EAApage"}))


def test_a_handle_is_looked_up_as_an_account_of_the_creators_own() -> None:
    fake = Fake(lambda _: json_reply({"business_discovery": {"id": "2"}, "id": "1"}))
    assert is_professional(fake.client, TOKEN, "1", "nora.eats")
    [request] = fake.requests
    assert (request.url or "").startswith("http://graph.test/v26.0/1?")
    assert query(request)["fields"] == "business_discovery.username(nora.eats){id}"


def test_a_handle_of_nobody_is_no_professional_account_and_other_errors_are_no_answer() -> None:
    assert not is_professional(Fake(lambda _: json_reply(envelope(110, 2207013), 400)).client, TOKEN, "1", "nora")
    with pytest.raises(PermissionMissingError):
        is_professional(Fake(lambda _: json_reply(envelope(10), 403)).client, TOKEN, "1", "nora")
