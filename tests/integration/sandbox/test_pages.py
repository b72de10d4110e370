"""The Pages of the people, their tokens, and the permissions that show them."""

from __future__ import annotations

import re

import pytest

SHAPE = re.compile(r"EAAsbxp[0-9a-f]{46}")
PLAIN, WITH_OTHERS, OF_BUSINESS, OF_MANY = 0, 2, 8, 10


def pages(world, account, token=None, **params):
    reply = world.get(account, "me/accounts", token, **params)
    assert reply.status_code == 200, reply.text
    return reply.json()


def withdraw(world, account, *scopes):
    body = {"ig_user_id": account["ig_user_id"], "scopes": list(scopes)}
    assert world.control("POST", "grants", body).status_code == 200


def test_the_page_leads_to_the_account(world):
    account = world.account(PLAIN)
    fields = "id,name,instagram_business_account{id,username,followers_count},connected_instagram_account"
    [page] = pages(world, account, fields=fields)["data"]
    linked = page["instagram_business_account"]
    assert (page["id"], page["name"]) == (account["page_id"], world.get(account, "me").json()["name"])
    assert (linked["id"], linked["username"]) == (account["ig_user_id"], account["username"])
    assert linked["followers_count"] > 0
    assert page["connected_instagram_account"] == {"id": account["ig_user_id"]}
    assert "paging" in pages(world, account)


def test_what_a_page_shows_when_nothing_is_asked_for(world):
    account = world.account(PLAIN)
    [page] = pages(world, account)["data"]
    assert list(page) == ["access_token", "category", "category_list", "name", "id", "tasks"]
    assert page["category_list"][0]["name"] == page["category"]
    assert "ANALYZE" in page["tasks"]
    assert world.get(account, page["id"]).json() == {"id": page["id"], "name": page["name"]}


def test_a_page_token_reads_its_page_and_the_account_and_nothing_else(world):
    account, other = world.account(PLAIN), world.account(WITH_OTHERS)
    [page] = pages(world, account)["data"]
    token = page["access_token"]
    assert token == account["page_access_token"]
    assert SHAPE.fullmatch(token)
    assert world.get(account, "me", token).json() == {"id": page["id"], "name": page["name"]}
    assert world.get(account, page["id"], token, fields="access_token").json()["access_token"] == token
    assert world.get(account, f"{account['ig_user_id']}/stories", token).status_code == 200
    assert world.error(world.get(account, other["page_id"], token)) == (100, 33)
    assert world.error(world.get(account, f"{other['ig_user_id']}/stories", token)) == (100, 33)
    assert world.get(account, "me/permissions", token).status_code == 404


def test_some_have_pages_without_an_account(world):
    account = world.account(WITH_OTHERS)
    found = pages(world, account, fields="id,access_token,tasks,instagram_business_account")["data"]
    linked = [page for page in found if "instagram_business_account" in page]
    assert (len(found), [page["id"] for page in linked]) == (3, [account["page_id"]])
    assert found[0] != linked[0], "the first Page is not the one"
    assert len({page["access_token"] for page in found}) == 3
    for page in found:
        assert SHAPE.fullmatch(page["access_token"])
        assert world.get(account, "me", page["access_token"]).json()["id"] == page["id"]
        assert world.get(account, page["id"], fields="id").json() == {"id": page["id"]}
    stranger = next(page for page in found if page not in linked)
    reply = world.get(account, f"{account['ig_user_id']}/stories", stranger["access_token"])
    assert world.error(reply) == (100, 33)
    assert world.error(world.get(account, linked[0]["id"], stranger["access_token"])) == (100, 33)


def test_the_page_of_a_business_needs_a_permission(world):
    account = world.account(OF_BUSINESS)
    assert [page["id"] for page in pages(world, account)["data"]] == [account["page_id"]]
    withdraw(world, account, "business_management")
    assert pages(world, account) == {"data": []}
    assert world.error(world.get(account, account["page_id"])) == (100, 33)
    elsewhere = world.account(PLAIN)
    withdraw(world, elsewhere, "business_management")
    assert len(pages(world, elsewhere)["data"]) == 1


def test_without_the_permission_to_list_there_are_no_pages(world):
    account = world.account(WITH_OTHERS)
    withdraw(world, account, "pages_show_list")
    assert pages(world, account) == {"data": []}
    assert world.error(world.get(account, account["page_id"])) == (10, None)


def test_without_the_permission_to_read_the_account_is_not_named(world):
    account = world.account(PLAIN)
    withdraw(world, account, "instagram_basic")
    [page] = pages(world, account, fields="id,instagram_business_account")["data"]
    assert page == {"id": account["page_id"]}


@pytest.mark.parametrize("limit", [None, 100])
def test_a_few_have_pages_over_pages_with_the_account_at_the_end(world, limit):
    account = world.account(OF_MANY)
    found, url = [], None
    answers = 0
    while True:
        params = {"fields": "id,instagram_business_account", **({"limit": limit} if limit else {})}
        body = world.http.get(url, timeout=10).json() if url else pages(world, account, **params)
        found += body["data"]
        answers += 1
        url = body["paging"].get("next")
        if url is None:
            break
    assert answers == (5 if limit is None else 2)
    assert len({page["id"] for page in found}) == len(found) == 111
    assert [place for place, page in enumerate(found) if "instagram_business_account" in page] == [110]


def test_pages_may_be_asked_for_as_a_field_of_the_person(world):
    account = world.account(WITH_OTHERS)
    body = world.get(account, "me", fields="name,accounts.limit(2){id}").json()
    assert [page["id"] for page in body["accounts"]["data"]] == [page["id"] for page in pages(world, account)["data"]][
        :2
    ]
    assert body["accounts"]["paging"].keys() == {"cursors"}


def test_pages_of_others_and_of_nobody_are_not_there(world):
    account = world.account(PLAIN)
    for page_id in (world.account(WITH_OTHERS)["page_id"], "100000000000001"):
        assert world.error(world.get(account, page_id)) == (100, 33)
    assert world.error(world.get(world.account(1), account["page_id"])) == (100, 33)


def test_a_permission_is_taken_back_by_name_in_the_path_or_as_a_parameter(world):
    account = world.account(PLAIN)
    url = f"{world.running.facebook}/v26.0/me/permissions"
    bearer = {"Authorization": f"Bearer {account['access_token']}"}

    def take_back(path="", **params):
        return world.http.delete(f"{url}{path}", params=params, headers=bearer, timeout=10)

    assert take_back("/pages_show_list").json() == {"success": True}
    assert take_back(permission="instagram_manage_insights").json() == {"success": True}
    assert world.error(take_back(permission="instagram_manage_insights")) == (100, None)
    assert world.error(take_back(permission="unheard_of")) == (100, None)
    rows = world.get(account, "me/permissions").json()["data"]
    declined = {row["permission"] for row in rows if row["status"] == "declined"}
    assert declined == {"pages_show_list", "instagram_manage_insights"}
    assert world.get(account, "me/permissions", status="declined").json()["data"] == [
        row for row in rows if row["status"] == "declined"
    ]
    assert world.get(account, "me/permissions", permission="instagram_basic", status="declined").json() == {"data": []}
    assert take_back().json() == {"success": True}
    assert world.error(world.get(account, "me/permissions")) == (190, 458)
    assert world.error(world.get(account, "me", account["page_access_token"])) == (190, 458)


def test_anybodys_professional_account_is_found_by_its_handle(world):
    account, other = world.account(PLAIN), world.account(WITH_OTHERS)
    fields = f"business_discovery.username({other['username'].upper()}){{id,username,followers_count}}"
    body = world.get(account, account["ig_user_id"], fields=fields).json()
    assert body["id"] == account["ig_user_id"]
    assert (body["business_discovery"]["id"], body["business_discovery"]["username"]) == (
        other["ig_user_id"],
        other["username"],
    )
    assert body["business_discovery"]["followers_count"] > 0
    stranger = world.get(account, account["ig_user_id"], fields="business_discovery.username(just.me){id}")
    assert world.error(stranger) == (110, 2207013)
