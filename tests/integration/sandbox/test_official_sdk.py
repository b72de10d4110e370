"""Meta's own Python SDK against the sandbox: a client that knows nothing of it, unchanged but for the host."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from facebook_business.adobjects.igmedia import IGMedia
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi, FacebookResponse
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

STORY_FIELDS = ["id", "ig_id", "media_type", "media_url", "permalink", "shortcode", "timestamp", "caption", "username"]
CORE = ["reach", "views", "replies", "shares", "follows", "profile_visits", "total_interactions", "reposts"]

# The SDK warns of parameters that its own documentation shows.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:facebook_business")


class Session(FacebookSession):
    """The SDK's session; a test says which host it speaks to."""

    def __init__(self, host: str, app_id: str, app_secret: str, token: str) -> None:
        super().__init__(app_id, app_secret, token, timeout=10)
        self.GRAPH = host


@pytest.fixture
def sdk(world) -> Iterator[Any]:
    """From a token to the SDK's api."""
    sessions = []

    def api(token: str) -> FacebookAdsApi:
        app = world.running.app["facebook"]
        sessions.append(Session(world.running.facebook, app.id, app.secret, token))
        return FacebookAdsApi(sessions[-1])

    yield api
    for session in sessions:
        session.requests.close()


@pytest.fixture
def account(world) -> dict[str, str]:
    return world.account(0)


@pytest.fixture
def api(sdk, account) -> FacebookAdsApi:
    return sdk(account["access_token"])


@pytest.fixture
def user(api, account) -> IGUser:
    return IGUser(account["ig_user_id"], api=api)


def error_of(caught: pytest.ExceptionInfo[FacebookRequestError]) -> tuple[int, int | None, int]:
    """Code, subcode and HTTP status of what the SDK raised."""
    error = caught.value
    return error.api_error_code(), error.api_error_subcode(), error.http_status()


def test_stories_are_listed_with_their_fields(world, user, account):
    found = list(user.get_stories(fields=STORY_FIELDS))
    live = {row["story_id"] for row in world.truth().values() if row["ig_user_id"] == account["ig_user_id"]}
    assert found
    assert {story["id"] for story in found} <= live
    assert all(story["permalink"].endswith(story["ig_id"]) for story in found)
    assert all(story["username"] == account["username"] for story in found)


def test_pages_are_followed_to_the_last_story(user):
    whole = [story["id"] for story in user.get_stories(params={"limit": 100})]
    assert len(whole) > 1
    assert [story["id"] for story in user.get_stories(params={"limit": 1})] == whole


def test_insights_come_with_and_without_breakdown(world, user, api):
    truth = world.truth()
    compared = 0
    for story in user.get_stories():
        if truth[story["id"]]["viewers"] < 5:
            continue
        media = IGMedia(story["id"], api=api)
        plain = {row["name"]: row["values"][0]["value"] for row in media.get_insights(params={"metric": CORE})}
        assert plain == {metric: truth[story["id"]][metric] for metric in CORE}
        [split] = media.get_insights(
            params={"metric": ["navigation"], "breakdown": ["story_navigation_action_type"]},
        )
        [breakdown] = split["total_value"]["breakdowns"]
        counts = {row["dimension_values"][0]: row["value"] for row in breakdown["results"]}
        assert counts["tap_forward"] == truth[story["id"]]["taps_forward"]
        assert sum(counts.values()) == split["values"][0]["value"]
        compared += 1
    assert compared


def test_a_batch_has_good_items_and_bad_ones(user, api, account):
    stories = [story["id"] for story in user.get_stories()]
    good: list[FacebookResponse] = []
    bad: list[FacebookResponse] = []
    batch = api.new_batch()
    for metric in ("views", "saved"):
        request = IGMedia(stories[0], api=api).get_insights(params={"metric": [metric]}, pending=True)
        request.add_to_batch(batch, success=good.append, failure=bad.append)
    assert batch.execute() is None
    [answer], [refusal] = good, bad
    assert answer.json()["data"][0]["name"] == "views"
    assert (refusal.error().api_error_code(), refusal.error().http_status()) == (100, 400)


def test_a_lost_batch_item_is_left_for_another_batch(world, user, api, account):
    stories = [story["id"] for story in user.get_stories()]
    got: list[FacebookResponse] = []
    world.control("POST", "faults", [{"kind": "lost", "endpoint": "insights", "times": 1}])
    batch = api.new_batch()
    for story_id in stories[:2]:
        request = IGMedia(story_id, api=api).get_insights(params={"metric": ["views"]}, pending=True)
        request.add_to_batch(batch, success=got.append, failure=got.append)
    again = batch.execute()
    assert len(again) == 1
    assert again.execute() is None
    assert len(got) == len(stories[:2])


def test_media_are_listed_and_read(user, api):
    media = list(islice(user.get_media(fields=["id", "media_type", "media_product_type", "timestamp"]), 40))
    assert media
    assert [one["timestamp"] for one in media] == sorted((one["timestamp"] for one in media), reverse=True)
    assert {one["media_product_type"] for one in media} == {"FEED", "REELS"}
    reel = next(one for one in media if one["media_product_type"] == "REELS")
    node = IGMedia(reel["id"], api=api).api_get(fields=["media_type", "permalink", "like_count"])
    assert node["media_type"] == "VIDEO"
    [views, reach] = IGMedia(reel["id"], api=api).get_insights(params={"metric": ["views", "reach"]})
    assert views["values"][0]["value"] >= reach["values"][0]["value"] > 0


def test_an_account_tells_its_profile_and_insights(user, account):
    profile = user.api_get(fields=["username", "followers_count", "media_count", "ig_id"])
    assert profile["username"] == account["username"]
    assert isinstance(profile["ig_id"], int)
    [reach] = user.get_insights(params={"metric": ["reach"], "period": "day", "metric_type": "total_value"})
    assert reach["name"] == "reach"


def test_pages_lead_to_the_account(sdk, account):
    person = User("me", api=sdk(account["access_token"]))
    pages = list(person.get_accounts(fields=["id", "name", "access_token", "tasks", "instagram_business_account"]))
    linked = [page for page in pages if "instagram_business_account" in page]
    assert [page["instagram_business_account"]["id"] for page in linked] == [account["ig_user_id"]]
    [page] = linked
    assert page["id"] == account["page_id"]
    node = Page(page["id"], api=sdk(page["access_token"])).api_get(fields=["instagram_business_account"])
    assert node["instagram_business_account"]["id"] == account["ig_user_id"]


def test_a_page_is_subscribed_and_unsubscribed(sdk, account):
    page = Page(account["page_id"], api=sdk(account["page_access_token"]))
    with pytest.raises(FacebookRequestError) as refused:
        page.create_subscribed_app(params={"subscribed_fields": ["story_insights"]})
    assert error_of(refused) == (100, None, 400)
    page.create_subscribed_app(params={"subscribed_fields": ["feed"]})
    [app] = page.get_subscribed_apps()
    assert app["subscribed_fields"] == ["feed"]
    page.delete_subscribed_apps()
    assert list(page.get_subscribed_apps()) == []


def test_a_token_is_inspected_and_exchanged(world, sdk, account):
    app = world.running.app["facebook"]
    owner = sdk(app.token)

    def facts(token: str) -> dict[str, Any]:
        return owner.call("GET", ("debug_token",), params={"input_token": token}).json()["data"]

    before = facts(account["access_token"])
    assert before["is_valid"]
    assert "instagram_basic" in before["scopes"]
    new = owner.call(
        "GET",
        ("oauth", "access_token"),
        params={
            "grant_type": "fb_exchange_token",
            "client_id": app.id,
            "client_secret": app.secret,
            "fb_exchange_token": account["access_token"],
        },
    ).json()
    after = facts(new["access_token"])
    assert after["expires_at"] - after["issued_at"] == new["expires_in"]
    assert after["data_access_expires_at"] == before["data_access_expires_at"]


def test_permissions_are_listed_and_taken_back(world, sdk):
    account = world.account(0)
    person = User("me", api=sdk(account["access_token"]))
    assert {row["status"] for row in person.get_permissions()} == {"granted"}
    assert person.delete_permissions(params={"permission": "instagram_manage_insights"}) is not None
    left = {row["permission"]: row["status"] for row in person.get_permissions()}
    assert left["instagram_manage_insights"] == "declined"
    person.delete_permissions()
    with pytest.raises(FacebookRequestError) as dead:
        list(person.get_permissions())
    assert error_of(dead)[:2] == (190, 458)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("error_4", (4, None, 403)),
        ("error_10", (10, None, 403)),
        ("error_100_33", (100, 33, 400)),
        ("error_190_460", (190, 460, 400)),
        ("error_190_463", (190, 463, 400)),
        ("http_500", (2, None, 500)),
        ("throttle", (80002, None, 400)),
    ],
)
def test_what_the_sdk_raises_carries_code_and_subcode(world, user, fault, expected):
    world.control("POST", "faults", [{"kind": fault, "endpoint": "stories"}])
    with pytest.raises(FacebookRequestError) as caught:
        user.get_stories()
    assert error_of(caught) == expected


def test_an_expired_token_is_told_by_code_and_subcode(world, sdk, account):
    world.advance(days=90)
    with pytest.raises(FacebookRequestError) as caught:
        IGUser(account["ig_user_id"], api=sdk(account["access_token"])).get_stories()
    assert error_of(caught) == (190, 463, 400)


def test_a_wrong_app_secret_is_told(world, account):
    app = world.running.app["facebook"]
    api = FacebookAdsApi(Session(world.running.facebook, app.id, "wrong", account["access_token"]))
    with pytest.raises(FacebookRequestError) as caught:
        IGUser(account["ig_user_id"], api=api).get_stories()
    assert error_of(caught) == (100, None, 400)
    assert "appsecret_proof" in json.dumps(caught.value.body())
