"""Webhooks that the app subscribes to, at Pages and at accounts."""

from __future__ import annotations

import pytest


def ask(world, method, account, path, token, **params):
    url = f"{getattr(world.running, account['login_flavour'])}/v26.0/{path}"
    return world.http.request(method, url, params={"access_token": token, **params}, timeout=10)


@pytest.mark.parametrize("path", ["id", "me"])
def test_a_page_is_subscribed_to_fields_of_pages_until_it_is_not(world, path):
    account, app = world.account(0), world.running.app["facebook"]
    edge, token = f"{account['page_id'] if path == 'id' else 'me'}/subscribed_apps", account["page_access_token"]
    assert ask(world, "GET", account, edge, token).json() == {"data": []}
    for fields in ("feed,email", "feed"):
        assert ask(world, "POST", account, edge, token, subscribed_fields=fields).json() == {"success": True}
        [row] = ask(world, "GET", account, edge, token).json()["data"]
        assert row == {"id": app.id, "name": "Storykeep", "subscribed_fields": fields.split(",")}
    assert ask(world, "DELETE", account, edge, token).json() == {"success": True}
    assert ask(world, "GET", account, edge, token).json() == {"data": []}


@pytest.mark.parametrize("fields", ["story_insights", "feed,story_insights", "mentions", "", None])
def test_a_page_has_no_fields_of_instagram(world, fields):
    account = world.account(0)
    edge, token = f"{account['page_id']}/subscribed_apps", account["page_access_token"]
    reply = ask(world, "POST", account, edge, token, subscribed_fields=fields)
    assert world.error(reply) == (100, None)
    assert "subscribed_fields" in reply.json()["error"]["message"]
    assert ask(world, "GET", account, edge, token).json() == {"data": []}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_subscribing_a_page_takes_its_token_and_a_permission(world, method):
    account = world.account(0)
    edge, fields = f"{account['page_id']}/subscribed_apps", {"subscribed_fields": "feed"}
    assert world.error(ask(world, method, account, edge, account["access_token"], **fields)) == (210, None)
    body = {"ig_user_id": account["ig_user_id"], "scopes": ["pages_manage_metadata"]}
    assert world.control("POST", "grants", body).status_code == 200
    assert world.error(ask(world, method, account, edge, account["page_access_token"], **fields)) == (10, None)


@pytest.mark.parametrize(
    ("number", "path", "fields"),
    [(0, "id", "story_insights"), (1, "id", "comments,messages"), (1, "me", "comments,messages")],
)
def test_an_account_is_subscribed_until_it_is_not(world, number, path, fields):
    account = world.account(number)
    app = world.running.app[account["login_flavour"]]
    edge, token = f"{account['ig_user_id'] if path == 'id' else 'me'}/subscribed_apps", account["access_token"]
    assert ask(world, "POST", account, edge, token, subscribed_fields=fields).json() == {"success": True}
    [row] = ask(world, "GET", account, edge, token).json()["data"]
    assert row == {"app_id": app.id, "subscribed_fields": fields.split(",")}
    assert ask(world, "GET", account, edge, world.account(number + 2)["access_token"]).json() != {"data": [row]}
    assert ask(world, "DELETE", account, edge, token).json() == {"success": True}
    assert ask(world, "GET", account, edge, token).json() == {"data": []}


@pytest.mark.parametrize(("number", "field"), [(0, "feed"), (1, "story_insights"), (1, "feed")])
def test_an_account_has_the_fields_of_its_host_only(world, number, field):
    account = world.account(number)
    edge = f"{account['ig_user_id']}/subscribed_apps"
    reply = ask(world, "POST", account, edge, account["access_token"], subscribed_fields=field)
    assert world.error(reply) == (100, None)


def test_forgetting_the_grants_forgets_the_subscriptions(world):
    account = world.account(1)
    ask(world, "POST", account, "me/subscribed_apps", account["access_token"], subscribed_fields="comments")
    world.control("DELETE", "grants")
    assert ask(world, "GET", account, "me/subscribed_apps", account["access_token"]).json() == {"data": []}
