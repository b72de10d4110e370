from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from storykeep.sandbox import switches

FIELDS = (
    "id,media_type,media_product_type,media_url,thumbnail_url,permalink,shortcode,timestamp,caption,username,"
    "owner{id},like_count,comments_count"
)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def busiest(world, flavour="facebook"):
    """The healthy account of a flavour with the most live stories."""
    healthy = [a for n, a in enumerate(world.accounts) if n not in (3, 4, 6, 9) and a["login_flavour"] == flavour]
    return max(healthy, key=lambda account: len(world.stories(account)))


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_lists_exactly_the_live_stories_newest_first(world, flavour):
    account, truth = busiest(world, flavour), world.truth()
    now = world.control("GET", "clock").json()["now"]
    expected = [
        row
        for row in truth.values()
        if row["ig_user_id"] == account["ig_user_id"] and row["posted_at"] <= now < row["expires_at"]
    ]
    expected.sort(key=lambda row: row["posted_at"], reverse=True)
    assert [story["id"] for story in world.stories(account)] == [row["story_id"] for row in expected]
    assert len(expected) > 1


def test_every_field_is_consistent(world):
    seen = set()
    for account in (a for a in world.accounts if a["login_flavour"] == "facebook"):
        for story in world.stories(account, FIELDS + ",ig_id"):
            seen |= story.keys()
            code = 0
            for letter in story["shortcode"]:
                code = code * 64 + ALPHABET.index(letter)
            posted = datetime.strptime(story["timestamp"], "%Y-%m-%dT%H:%M:%S%z")
            lag_ms = (code >> 23) + 1_314_220_021_721 - posted.timestamp() * 1000
            assert str(code) == story["ig_id"]
            assert 5_000 <= lag_ms <= 12_000
            assert story["permalink"] == f"https://instagram.com/stories/{account['username']}/{story['ig_id']}"
            assert story["owner"] == {"id": account["ig_user_id"]}
            assert story["media_product_type"] == "STORY"
            assert "thumbnail_url" not in story or story["media_type"] == "VIDEO"
            assert None not in story.values()
    assert {"media_url", "caption", "thumbnail_url"} <= seen


def test_without_fields_there_is_the_id_only(world):
    account = busiest(world)
    rows = world.get(account, f"{account['ig_user_id']}/stories").json()["data"]
    assert rows
    assert all(row.keys() == {"id"} for row in rows)


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_pages_join_to_the_whole_list(world, flavour):
    account = busiest(world, flavour)
    whole = [story["id"] for story in world.stories(account)]
    body = world.get(account, f"{account['ig_user_id']}/stories", fields="id", limit=1).json()
    collected, pages = [], 0
    while True:
        collected += [story["id"] for story in body["data"]]
        pages += 1
        if "next" not in body["paging"]:
            break
        assert parse_qs(urlsplit(body["paging"]["next"]).query)["access_token"] == [account["access_token"]]
        body = world.http.get(body["paging"]["next"], timeout=10).json()
    assert collected == whole
    assert pages == len(whole) > 1
    assert "after" in body["paging"]["cursors"]  # the last page has a cursor, and no next
    back = world.http.get(body["paging"]["previous"], timeout=10).json()
    assert [story["id"] for story in back["data"]] == whole[-2:-1]


def test_a_cursor_stays_good_while_time_passes(world):
    account = busiest(world)
    whole = [story["id"] for story in world.stories(account)]
    cursor = world.get(account, f"{account['ig_user_id']}/stories", limit=1).json()["paging"]["cursors"]["after"]
    world.advance(minutes=90)
    rest = world.get(account, f"{account['ig_user_id']}/stories", limit=100, after=cursor).json()["data"]
    live = {story["id"] for story in world.stories(account)}
    assert [row["id"] for row in rest] == [story for story in whole[1:] if story in live]


def test_an_empty_list_has_no_paging(world):
    account = busiest(world)
    oldest = world.stories(account)[-1]["id"]
    body = world.get(account, f"{account['ig_user_id']}/stories", limit=1, before="MA==").json()
    assert "error" in body  # a cursor that is none
    full = world.get(account, f"{account['ig_user_id']}/stories", limit=100).json()
    after = full["paging"]["cursors"]["after"]
    assert full["data"][-1]["id"] == oldest
    assert world.get(account, f"{account['ig_user_id']}/stories", after=after).json() == {"data": []}


@pytest.mark.parametrize("limit", ["101", "99999999999", "9" * 5000])
def test_a_limit_of_any_size_is_clamped(world, limit):
    account = world.account(0)
    full = world.get(account, f"{account['ig_user_id']}/stories", limit=100).json()["data"]
    assert world.get(account, f"{account['ig_user_id']}/stories", limit=limit).json()["data"] == full != []


@pytest.mark.parametrize("limit", ["0", "000", "-1", "1.5", "x", "\u0664"])
def test_bad_limits_are_refused(world, limit):
    account = world.account(0)
    assert world.error(world.get(account, f"{account['ig_user_id']}/stories", limit=limit)) == (100, None)


def test_unknown_fields_are_refused(world):
    account = busiest(world)
    reply = world.get(account, f"{account['ig_user_id']}/stories", fields="id,nonsense")
    assert world.error(reply) == (100, None)
    assert "nonexisting field (nonsense)" in reply.json()["error"]["message"]


def test_ig_id_is_of_the_facebook_host_only(world):
    account = busiest(world, "instagram")
    reply = world.get(account, f"{account['ig_user_id']}/stories", fields="ig_id")
    assert world.error(reply) == (100, None)
    assert reply.json()["error"]["type"] == "IGApiException"


def test_what_posts_alone_have_is_left_out_of_stories(world):
    account = busiest(world)
    story = world.stories(account)[0]["id"]
    both, facebook = "alt_text,is_shared_to_feed", "saved_count,total_views_count,media_audio_type,boost_ads_list"
    assert world.get(account, story, fields=f"{both},{facebook}").json() == {"id": story}
    for legacy in ("filter_name", "location", "latitude"):
        assert world.error(world.get(account, story, fields=legacy)) == (100, None)


def test_a_node_is_the_row_of_the_list(world):
    account = busiest(world)
    row = world.stories(account, "id,timestamp,permalink,username")[0]
    assert world.get(account, row["id"], fields="id,timestamp,permalink,username").json() == row


def test_other_peoples_objects_are_not_there(world):
    one, other = busiest(world), world.account(1)
    story = world.stories(one)[0]["id"]
    own = world.stories(one)[0]["id"]
    assert world.get(one, own).status_code == 200
    for path in (f"{one['ig_user_id']}/stories", one["ig_user_id"], story, f"{story}/insights", "18099999999999999"):
        assert world.error(world.get(other, path, metric="reach")) == (100, 33)


def test_an_expired_story_is_gone(world, monkeypatch):
    account = busiest(world)
    story = world.stories(account)[-1]["id"]
    world.advance(hours=24)
    assert story not in [row["id"] for row in world.stories(account)]
    insights = {"path": f"{story}/insights", "metric": "reach"}
    assert world.error(world.get(account, story)) == (100, 33)
    assert world.error(world.get(account, **insights)) == (100, 33)
    monkeypatch.setattr(switches, "EXPIRED_STORY", "not_found")
    assert world.error(world.get(account, story)) == (24, 2207006)
    monkeypatch.setattr(switches, "EXPIRED_STORY", "readable")
    assert world.get(account, story).json() == {"id": story}
    assert world.get(account, **insights).json() == {"data": []}


def test_a_story_to_come_is_not_there(world):
    account = busiest(world)
    later = world.control("GET", "truth?at=2026-11-09T00:00:00Z").json()["stories"]
    now = world.control("GET", "clock").json()["now"]
    story = next(r for r in later if r["ig_user_id"] == account["ig_user_id"] and r["posted_at"] > now)
    assert world.error(world.get(account, story["story_id"])) == (100, 33)


def media(world) -> dict[str, str]:
    """A link of each kind, by media type."""
    links = {}
    for account in world.accounts[:3]:
        for story in world.stories(account, "id,media_type,media_url"):
            if "media_url" in story:
                links[story["media_type"]] = story["media_url"]
    return links


def test_the_cdn_serves_both_kinds_without_a_token(world):
    links = media(world)
    image, video = requests.get(links["IMAGE"], timeout=10), requests.get(links["VIDEO"], timeout=10)
    assert (image.status_code, image.headers["content-type"], image.content[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert (video.status_code, video.headers["content-type"], video.content[4:8]) == (200, "video/mp4", b"ftyp")
    assert image.content == requests.get(media(world)["IMAGE"], timeout=10).content


def test_links_differ_on_every_read_in_their_query_only(world):
    first, second = media(world)["IMAGE"], media(world)["IMAGE"]
    assert first.split("?")[0] == second.split("?")[0]
    before, after = (parse_qs(urlsplit(link).query) for link in (first, second))
    assert {name for name in before if before[name] != after[name]} >= {"_nc_rid", "_nc_ht"}
    account, story = busiest(world), world.stories(busiest(world))[-1]["id"]
    reads = [world.get(account, story, fields="media_url").json()["media_url"] for _ in range(4)]
    assert len({parse_qs(urlsplit(link).query)["ccb"][0] for link in reads}) > 1


def test_links_expire_and_cannot_be_changed(world):
    link = media(world)["IMAGE"]
    expiry = re.search(r"oe=([0-9A-F]+)", link)[1]
    longer = link.replace(expiry, f"{int(expiry, 16) + 86400:X}")
    spoiled = {longer: "Bad URL hash", link.replace("oh=00_", "oh=00_x"): "Bad URL hash"}
    for bad, words in {**spoiled, link.split("?")[0]: "Bad URL timestamp"}.items():
        reply = requests.get(bad, timeout=10)
        assert (reply.status_code, reply.headers["content-type"], reply.text) == (403, "text/plain", words)
    world.advance(hours=23)
    assert requests.get(link, timeout=10).status_code == 200
    world.advance(hours=1)
    refused = requests.get(link, timeout=10)
    assert (refused.status_code, refused.headers["content-type"]) == (403, "text/plain")
    assert refused.text == "URL signature expired"
    assert requests.get(world.running.cdn + "/v/other.jpg", timeout=10).status_code == 404


def test_videos_may_have_shorter_links_than_images(world, monkeypatch):
    monkeypatch.setattr(switches, "VIDEO_LINK_LIFE", timedelta(hours=10))
    links = media(world)
    world.advance(hours=10)
    assert requests.get(links["IMAGE"], timeout=10).status_code == 200
    assert requests.get(links["VIDEO"], timeout=10).text == "URL signature expired"


def test_permalinks_have_the_host_of_the_switch(world, monkeypatch):
    monkeypatch.setattr(switches, "STORY_PERMALINK_HOST", "www.instagram.com")
    story = world.stories(busiest(world), "permalink")[0]
    assert story["permalink"].startswith("https://www.instagram.com/stories/")


def test_mentions_lose_their_sign_on_the_facebook_host_if_the_switch_says_so(world, monkeypatch):
    def mentions(flavour: str) -> int:
        accounts = [account for account in world.accounts if account["login_flavour"] == flavour]
        readable = [account for account in accounts if account["access_token"]]
        return sum("@" in story.get("caption", "") for one in readable for story in world.stories(one, "caption"))

    world.control("POST", "clock", {"now": "2026-11-10T20:00:00Z"})
    before = mentions("facebook"), mentions("instagram")
    assert min(before) > 0
    monkeypatch.setattr(switches, "STRIP_MENTIONS", True)
    assert (mentions("facebook"), mentions("instagram")) == (0, before[1])


def test_few_lists_of_one_page_have_before_as_their_only_cursor(world):
    seen = Counter()
    for _ in range(14):
        world.advance(hours=9)
        for account in world.accounts[:3]:
            body = world.get(account, f"{account['ig_user_id']}/stories", fields="id").json()
            if "paging" in body:
                assert "next" not in body["paging"]
                seen[tuple(sorted(body["paging"]["cursors"]))] += 1
    assert seen.keys() == {("before",), ("after", "before")}
    assert seen["before",] < seen["after", "before"] / 3
