from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from tests.integration.sandbox.conftest import START

from storykeep.sandbox.serve import Running, sandbox

PROLIFIC = 50
FIELDS = (
    "id,media_type,media_product_type,media_url,thumbnail_url,permalink,shortcode,timestamp,caption,username,"
    "owner{id},like_count,comments_count,is_comment_enabled,is_shared_to_feed,alt_text"
)
OF_FACEBOOK_HOST = (
    "ig_id,reposts_count,saved_count,shares_count,total_like_count,total_comments_count,total_views_count"
)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with sandbox(accounts=60, seed=5, start=START) as started:
        yield started


def media(world, account, fields: str = "id", **params) -> list[dict]:
    reply = world.get(account, f"{account['ig_user_id']}/media", fields=fields, **{"limit": 100, **params})
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


def with_old_posts(world) -> tuple[dict[str, str], list[dict]]:
    """A facebook account that has posted since early 2023, and its posts before July 2024."""
    for account in world.accounts[::2]:
        params = {"fields": "id,media_type,media_product_type,timestamp", "until": "2024-07-01", "limit": 100}
        reply = world.get(account, f"{account['ig_user_id']}/media", **params)
        old = reply.json().get("data", [])
        while "next" in reply.json().get("paging", {}):
            reply = world.http.get(reply.json()["paging"]["next"], timeout=10)
            old += reply.json()["data"]
        if old and old[-1]["timestamp"] < "2023-03":
            return account, old
    raise AssertionError("no such account")


def of_kind(world, account, product: str, media_type: str | None = None) -> list[dict]:
    """The newest posts of a kind."""
    rows = media(world, account, "id,media_product_type,media_type,timestamp")
    return [row for row in rows if row["media_product_type"] == product and media_type in (None, row["media_type"])]


def values(reply: requests.Response) -> dict[str, int]:
    assert reply.status_code == 200, reply.text
    return {row["name"]: row["values"][0]["value"] for row in reply.json()["data"]}


@pytest.mark.parametrize("number", [0, 1])
def test_every_field_is_consistent(world, number):
    account, seen = world.account(number), set()
    rows = media(world, account, FIELDS + ("," + OF_FACEBOOK_HOST if number == 0 else ""))
    for row in rows:
        seen |= row.keys()
        reel = row["media_product_type"] == "REELS"
        assert row["permalink"] == f"https://www.instagram.com/{'reel' if reel else 'p'}/{row['shortcode']}/"
        assert row["username"] == account["username"]
        assert row["owner"] == {"id": account["ig_user_id"]}
        assert ("thumbnail_url" in row) == (row["media_type"] == "VIDEO")
        assert ("is_shared_to_feed" in row) == reel
        assert None not in row.values()
    assert set(FIELDS.replace("{id}", "").split(",")) <= seen
    times = [datetime.strptime(row["timestamp"], "%Y-%m-%dT%H:%M:%S%z") for row in rows]
    assert times == sorted(times, reverse=True)
    assert not {row["id"] for row in rows} & {story["id"] for story in world.stories(account)}


def test_counts_of_the_facebook_host_are_unknown_to_the_other(world):
    for field in OF_FACEBOOK_HOST.split(","):
        account = world.account(1)
        reply = world.get(account, f"{account['ig_user_id']}/media", fields=field)
        assert world.error(reply) == (100, None)


def test_hidden_counts_are_left_out_and_shown_ones_are_the_insights(world):
    hiding = []
    for account in (a for a in world.accounts[:40] if a["login_flavour"] == "facebook" and a["access_token"]):
        reply = world.get(account, f"{account['ig_user_id']}/media", fields="like_count,total_like_count", limit=1)
        if reply.status_code != 200:
            continue
        (row,) = reply.json()["data"]
        hiding.append("total_like_count" not in row)
        assert row["like_count"] == row.get("total_like_count", row["like_count"])
    assert 0 < sum(hiding) < len(hiding) / 2


def test_pages_are_followed_to_the_first_post(world):
    account = world.account(0)
    body = world.get(account, f"{account['ig_user_id']}/media", limit=100).json()
    found = [row["id"] for row in body["data"]]
    while "next" in body["paging"]:
        assert parse_qs(urlsplit(body["paging"]["next"]).query)["access_token"] == [account["access_token"]]
        body = world.http.get(body["paging"]["next"], timeout=10).json()
        found += [row["id"] for row in body["data"]]
    profile = world.get(account, account["ig_user_id"], fields="media_count").json()
    assert len(set(found)) == len(found) == profile["media_count"] > 200


def test_since_and_until_are_unix_seconds_or_text(world):
    account = world.account(0)
    rows = media(world, account, "id,timestamp")
    newest, oldest = (datetime.strptime(rows[place]["timestamp"], "%Y-%m-%dT%H:%M:%S%z") for place in (3, 8))
    expected = [row["id"] for row in rows[3:9]]
    seconds = {"since": int(oldest.timestamp()), "until": int(newest.timestamp())}
    text = {"since": oldest.isoformat(), "until": f"{newest:%Y-%m-%dT%H:%M:%S}"}
    for params in (seconds, text):
        assert [row["id"] for row in media(world, account, **params)] == expected
    page = world.get(account, f"{account['ig_user_id']}/media", limit=4, **seconds).json()
    rest = world.http.get(page["paging"]["next"], timeout=10).json()
    assert [row["id"] for row in (*page["data"], *rest["data"])] == expected
    assert media(world, account, until="2999-12-31")[0]["id"] == rows[0]["id"]
    assert media(world, account, since="0")[0]["id"] == rows[0]["id"]
    for bad in ("soon", "0001-01-01", "9999-12-31", "9" * 30, "-5"):
        assert world.error(world.get(account, f"{account['ig_user_id']}/media", since=bad)) == (100, None)


def test_no_more_than_the_newest_ten_thousand_are_reached(world):
    account = world.account(PROLIFIC)
    assert world.get(account, account["ig_user_id"], fields="media_count").json()["media_count"] > 10_000
    body, count = world.get(account, f"{account['ig_user_id']}/media", limit=100).json(), 0
    while True:
        count += len(body["data"])
        if "next" not in body["paging"]:
            break
        body = world.http.get(body["paging"]["next"], timeout=10).json()
    assert count == 10_000


def test_a_node_is_the_row_of_the_list_and_me_is_the_account_itself(world):
    account = world.account(1)
    row = media(world, account, "id,timestamp,permalink")[0]
    assert world.get(account, row["id"], fields="id,timestamp,permalink").json() == row
    assert world.get(account, "me/media", limit=1).json()["data"] == [{"id": row["id"]}]
    stranger = world.account(5)
    for path in (row["id"], f"{row['id']}/insights", f"{account['ig_user_id']}/media"):
        assert world.error(world.get(stranger, path, metric="reach")) == (100, 33)


def test_a_post_to_come_is_not_there(world):
    account = world.account(0)
    world.advance(days=30)
    newest = media(world, account)[0]["id"]
    world.advance(days=-30)
    assert newest not in [row["id"] for row in media(world, account)]
    assert world.error(world.get(account, newest)) == (100, 33)


def test_albums_have_children_without_captions_and_without_insights(world):
    account = world.account(0)
    album = of_kind(world, account, "FEED", "CAROUSEL_ALBUM")[0]["id"]
    fields = "id,media_type,media_url,permalink,shortcode,timestamp,username,owner,ig_id"
    children = world.get(account, f"{album}/children", fields=fields).json()["data"]
    assert 2 <= len(children) <= 10
    assert len({child["id"] for child in children}) == len(children)
    nested = world.get(account, album, fields="children{id,media_type}").json()["children"]["data"]
    assert nested == [{name: child[name] for name in ("id", "media_type")} for child in children]
    assert world.get(account, children[0]["id"], fields=fields.replace("media_url,", "")).json() == {
        name: value for name, value in children[0].items() if name != "media_url"
    }
    bare = world.get(account, children[0]["id"], fields="caption,like_count,saved_count,media_product_type")
    assert bare.json() == {"id": children[0]["id"]}
    assert world.error(world.get(account, children[0]["id"], fields="filter_name")) == (100, None)
    assert world.error(world.get(account, f"{children[0]['id']}/insights", metric="reach")) == (100, 33)
    image = of_kind(world, account, "FEED", "IMAGE")[0]["id"]
    assert world.get(account, f"{image}/children").json() == {"data": []}


def test_files_of_posts_and_profile_pictures_are_served(world):
    account = world.account(0)
    rows = media(world, account, "id,media_type,media_url,thumbnail_url")
    video = next(row for row in rows if row["media_type"] == "VIDEO" and "media_url" in row)
    picture = world.get(account, account["ig_user_id"], fields="profile_picture_url").json()["profile_picture_url"]
    kinds = {video["media_url"]: "video/mp4", video["thumbnail_url"]: "image/jpeg", picture: "image/jpeg"}
    for url, kind in kinds.items():
        reply = requests.get(url, timeout=10)
        assert (reply.status_code, reply.headers["content-type"]) == (200, kind)


def test_feed_and_reels_have_the_metrics_of_their_kind(world):
    account = world.account(0)
    both = "reach,views,likes,comments,saved,shares,total_interactions,reposts,total_likes,total_comments"
    image = of_kind(world, account, "FEED", "IMAGE")[0]["id"]
    counts = values(world.get(account, f"{image}/insights", metric=f"{both},follows,profile_visits"))
    assert counts["total_likes"] == counts["likes"] > 0
    assert counts["reach"] <= counts["views"]
    reel = of_kind(world, account, "REELS")[0]["id"]
    times = "ig_reels_avg_watch_time,ig_reels_video_view_total_time,reels_skip_rate,total_views"
    counts = values(world.get(account, f"{reel}/insights", metric=f"{both},{times}"))
    assert counts["ig_reels_avg_watch_time"] > 1_000
    assert counts["ig_reels_video_view_total_time"] == counts["ig_reels_avg_watch_time"] * counts["views"]
    assert counts["total_views"] >= counts["views"]


@pytest.mark.parametrize(
    ("product", "metric", "code"),
    [
        ("FEED", "replies", 100),
        ("FEED", "navigation", 100),
        ("FEED", "link_clicks", 100),
        ("FEED", "crossposted_views", 100),
        ("FEED", "ig_reels_avg_watch_time", 100),
        ("FEED", "total_views", 200),
        ("FEED", "impressions", 100),
        ("FEED", "plays", 100),
        ("REELS", "follows", 100),
        ("REELS", "profile_visits", 100),
        ("REELS", "profile_activity", 100),
        ("REELS", "replies", 100),
    ],
)
def test_one_metric_of_other_media_fails_the_call(world, product, metric, code):
    account = world.account(0)
    post = of_kind(world, account, product, "IMAGE" if product == "FEED" else None)[0]["id"]
    assert world.error(world.get(account, f"{post}/insights", metric=f"reach,{metric}")) == (code, None)
    assert world.get(account, f"{post}/insights", metric="reach").status_code == 200


def test_likes_are_no_metric_of_stories(world):
    account = world.account(0)
    story = world.stories(account)[0]["id"]
    for metric in ("likes", "comments", "saved", "reels_skip_rate", "total_likes"):
        assert world.error(world.get(account, f"{story}/insights", metric=metric)) == (100, None)


def test_metrics_of_both_platforms_need_the_post_to_be_shared(world):
    account, outcomes = world.account(0), {"facebook_views": set(), "crossposted_views": set()}
    for reel in of_kind(world, account, "REELS")[:20]:
        replies = {m: world.get(account, f"{reel['id']}/insights", metric=m) for m in outcomes}
        for metric, reply in replies.items():
            outcomes[metric].add(reply.status_code)
            if reply.status_code != 200:
                assert world.error(reply) == (100, 2207086)
        statuses = {reply.status_code for reply in replies.values()}
        assert len(statuses) == 1
    assert outcomes == {"facebook_views": {200, 400}, "crossposted_views": {200, 400}}


def test_profile_activity_of_a_post_splits_by_action(world):
    account = world.account(0)
    for post in of_kind(world, account, "FEED")[:10]:
        params = {"metric": "profile_activity", "breakdown": "action_type"}
        (row,) = world.get(account, f"{post['id']}/insights", **params).json()["data"]
        (split,) = row["total_value"]["breakdowns"]
        assert sum(result["value"] for result in split["results"]) == row["values"][0]["value"]


def test_media_before_the_professional_account_are_refused_for_good(world):
    account, old = with_old_posts(world)
    reply = world.get(account, f"{old[-1]['id']}/insights", metric="reach")
    assert world.error(reply) == (100, 2108006)
    error = reply.json()["error"]
    assert error["message"] == "Invalid parameter"
    assert error["error_data"] == {"blame_field_specs": [[""]]}
    assert error["is_transient"] is False
    assert error["error_user_title"]
    assert error["error_user_msg"]
    path, fields = f"{account['ig_user_id']}/media", "id,insights.metric(reach)"
    assert world.get(account, path, fields=fields, until="2026-10-01").status_code == 200
    assert world.error(world.get(account, path, fields=fields, until=old[-1]["timestamp"][:19])) == (100, 2108006)


def test_old_feed_videos_have_no_views(world):
    account, old = with_old_posts(world)
    for row in old:
        if (row["media_type"], row["media_product_type"]) == ("VIDEO", "FEED"):
            reply = world.get(account, f"{row['id']}/insights", metric="reach,views")
            assert world.error(reply) == (100, None)
            assert "does not support the views metric" in reply.json()["error"]["message"]
            assert world.get(account, f"{row['id']}/insights", metric="reach").status_code == 200
            return
    raise AssertionError("no such video")


def test_posts_go_on_growing_after_a_story_would_be_over(world):
    account = world.account(0)
    post = of_kind(world, account, "FEED", "IMAGE")[0]["id"]
    before = values(world.get(account, f"{post}/insights", metric="views"))["views"]
    world.advance(days=7)
    assert values(world.get(account, f"{post}/insights", metric="views"))["views"] > before


def test_tags_are_posts_of_others_paged_by_hand(world):
    account = world.account(0)
    path, fields = f"{account['ig_user_id']}/tags", "id,username,timestamp,permalink,owner,like_count"
    whole = world.get(account, path, fields=fields, limit=100).json()["data"]
    assert len(whole) > 5
    assert all(row["username"] != account["username"] and "owner" not in row for row in whole)
    assert any("like_count" in row for row in whole)
    assert any("like_count" not in row for row in whole)
    found, params = [], {"fields": fields, "limit": 2}
    while True:
        body = world.get(account, path, **params).json()
        if not body["data"]:
            break
        assert body["paging"].keys() == {"cursors"}
        found += body["data"]
        params["after"] = body["paging"]["cursors"]["after"]
    assert found == whole
    assert world.error(world.get(account, whole[0]["id"])) == (100, 33)
    assert world.error(world.get(account, path, fields="insights.metric(reach)")) == (100, 33)


def test_profiles_have_all_their_fields(world):
    facebook, instagram = world.account(0), world.account(1)
    both = "id,username,name,biography,website,profile_picture_url,followers_count,follows_count,media_count"
    only = {
        "facebook": "ig_id,has_profile_pic,is_published,legacy_instagram_user_id",
        "instagram": "user_id,account_type",
    }
    for account in (facebook, instagram):
        fields = f"{both},{only[account['login_flavour']]}"
        body = world.get(account, account["ig_user_id"], fields=fields).json()
        assert set(fields.split(",")) - {"website"} <= body.keys() <= set(fields.split(","))
    reply = world.get(instagram, "me", fields="has_profile_pic")
    assert world.error(reply) == (100, None)
