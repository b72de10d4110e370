"""What a run lands is what is true of posts, profiles, days and audiences, at both flavours."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from tests.integration.capture.conftest import START

from storykeep.content.planner import PACIFIC
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.quality import quarantine
from storykeep.quality.landed import newest
from storykeep.quality.landing import TABLES
from storykeep.sandbox.serve import sandbox
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .conftest import HEALTHY, ContentScene, Truth, split, staged, values

pytestmark = pytest.mark.integration

# The last of them has fewer than a hundred followers.
ACCOUNTS, SMALL = 18, 17
each_flavour = pytest.mark.parametrize("number", HEALTHY.values(), ids=HEALTHY)
DEMOGRAPHICS = {
    (metric, by) for metric in ("follower", "engaged_audience") for by in ("age", "gender", "country", "city")
}


@pytest.fixture(scope="module")
def world() -> Truth:
    return Truth(ACCOUNTS)


@pytest.fixture(scope="module")
def synced(new_warehouse: Callable[[], Settings], postgres: EmbeddedPostgres) -> Iterator[ContentScene]:
    """The evening after the first run."""
    with (
        sandbox(accounts=ACCOUNTS, seed=5, start=START, history_days=14) as running,
        staged(running, new_warehouse(), postgres) as scene,
    ):
        scene.sync()
        yield scene


@each_flavour
def test_every_post_of_the_last_ninety_days_lands_as_it_is(synced: ContentScene, world: Truth, number: int) -> None:
    ig_user_id = world.account(number).ig_user_id
    landed = dict(
        synced.all("select media_id, payload from raw.media where account_id = %s", synced.account(ig_user_id))
    )
    truth = {post.media_id: post for post in world.listed(ig_user_id, synced.now)}
    assert landed.keys() == truth.keys()
    assert len(truth) > 10
    for media_id, post in truth.items():
        told = landed[media_id]
        assert told.get("caption") == post.caption
        assert (told["media_product_type"], told["media_type"]) == (post.product, post.media_type)
    clocks = synced.all(
        "select media_id, posted_at from app.media_clock where account_id = %s", synced.account(ig_user_id)
    )
    assert dict(clocks) == {media_id: post.posted_at for media_id, post in truth.items()}


@each_flavour
def test_the_numbers_of_every_post_are_those_of_the_moment(synced: ContentScene, world: Truth, number: int) -> None:
    ig_user_id = world.account(number).ig_user_id
    account_id = synced.account(ig_user_id)
    truth = {post.media_id: post.numbers(synced.now) for post in world.listed(ig_user_id, synced.now)}
    landed = synced.all(
        "select media_id, payload from raw.media_insights where account_id = %s and metric_group = 'core'", account_id
    )
    assert {media_id for media_id, _ in landed} == truth.keys()
    for media_id, payload in landed:
        told = values(payload)
        assert told == {metric: truth[media_id][metric] for metric in told}
        assert {"reach", "views", "likes", "comments", "saved", "shares", "total_interactions"} <= told.keys()
    assert synced.all("select distinct read_at from app.media_clock where account_id = %s", account_id) == [
        (synced.now,)
    ]


def test_a_reel_has_the_metrics_of_reels_and_a_post_those_of_posts(synced: ContentScene) -> None:
    groups = dict(
        synced.all(
            """
            select media.payload ->> 'media_product_type', array_agg(distinct metric_group)
            from raw.media_insights join raw.media using (media_id) group by 1
            """
        )
    )
    assert "reels_skip_rate" in groups["REELS"]
    assert "profile_activity" in groups["FEED"]
    assert not {"profile_activity", "core:follows"} & set(groups["REELS"])
    assert "reels_skip_rate" not in groups["FEED"]


@each_flavour
def test_the_profile_tells_the_followers(synced: ContentScene, world: Truth, number: int) -> None:
    ig_user_id = world.account(number).ig_user_id
    (profile,) = synced.all(
        "select payload ->> 'username', (payload ->> 'followers_count')::int, captured_at"
        " from raw.account_profiles where account_id = %s",
        synced.account(ig_user_id),
    )
    followers = world.audience(ig_user_id).followers(synced.now)
    assert profile == (world.account(number).username, followers, synced.now)


@each_flavour
def test_the_days_are_whole_pacific_days_with_their_totals(synced: ContentScene, world: Truth, number: int) -> None:
    ig_user_id = world.account(number).ig_user_id
    audience = world.audience(ig_user_id)
    landed = {
        (group, since): (until, payload)
        for group, since, until, payload in synced.all(
            "select metric_group, since, until, payload from raw.account_insights where account_id = %s",
            synced.account(ig_user_id),
        )
    }
    days = sorted({since for _, since in landed})
    assert len(days) == 3
    assert [(day.astimezone(PACIFIC).hour, day.astimezone(PACIFIC).day) for day in days] == [(0, 2), (0, 3), (0, 4)]
    for since in days:
        until, reach = landed["reach", since]
        assert until == since + timedelta(days=1)
        assert values(reach) == {"reach": audience.total("reach", since, until)}
        assert values(landed["follower_count", since][1]) == {"follower_count": audience.total("follows", since, until)}
        views = audience.total("views", since, until)
        assert sum(split(landed["views_by_follow_type", since][1]).values()) == views
        assert sum(split(landed["views_by_product", since][1]).values()) == views
        interactions = {item["name"]: item["total_value"]["value"] for item in landed["interactions", since][1]["data"]}
        assert interactions == {name: audience.total(name, since, until) for name in interactions}
        assert interactions.keys() == {"total_interactions", "likes", "comments", "saves", "shares"}


@each_flavour
def test_the_audience_is_split_by_each_dimension(synced: ContentScene, world: Truth, number: int) -> None:
    ig_user_id = world.account(number).ig_user_id
    audience = world.audience(ig_user_id)
    landed = {
        (metric.removesuffix("_demographics"), dimension): (timeframe, payload)
        for metric, dimension, timeframe, payload in synced.all(
            "select metric, dimension, timeframe, payload from raw.audience where account_id = %s and status = 'ok'",
            synced.account(ig_user_id),
        )
    }
    assert landed.keys() == DEMOGRAPHICS
    assert {metric: timeframe for (metric, _), (timeframe, _) in landed.items()} == {
        "follower": None,
        "engaged_audience": "this_month",
    }
    followers = audience.followers(synced.now)
    for dimension in ("age", "gender"):
        truth = {key: count for key, count in audience.split(followers, [dimension]).items() if count}
        assert split(landed["follower", dimension][1]) == truth


def test_an_audience_under_the_floor_lands_as_empty_and_is_no_failure(synced: ContentScene, world: Truth) -> None:
    ig_user_id = world.account(SMALL).ig_user_id
    assert world.audience(ig_user_id).followers(synced.now) < 100
    account_id = synced.account(ig_user_id)
    replies = synced.all("select distinct metric, status from raw.audience where account_id = %s", account_id)
    assert set(replies) == {("follower_demographics", "empty"), ("engaged_audience_demographics", "ok")}
    missing = synced.all(
        "select distinct metric_group from raw.account_insights where account_id = %s and status = 'empty'", account_id
    )
    assert {group for (group,) in missing} == {"follower_count", "follows_and_unfollows", "online_followers"}
    assert synced.one(
        "select done_at from app.content_clock where account_id = %s and subject = 'audience'", account_id
    )


def test_what_the_api_refuses_lands_with_its_code(synced: ContentScene) -> None:
    refused = synced.all(
        "select distinct metric_group, error_code, error_subcode from raw.media_insights where status = 'refused'"
    )
    assert ("facebook_views", 100, 2207086) in refused


def test_no_secret_and_no_paging_link_is_kept(synced: ContentScene) -> None:
    tables = ("media", "media_insights", "account_profiles", "account_insights", "audience")
    kept = "\n".join(str(synced.all(f"select payload from raw.{table}")) for table in tables)  # noqa: S608 (fixed names)
    assert "followers_count" in kept
    tokens = [line.split(",")[3] for line in synced.control("GET", "accounts.csv").splitlines()[1:]]
    assert [token for token in tokens if token and token in kept] == []
    assert "access_token" not in kept
    assert "'next'" not in kept


def test_nothing_that_the_api_serves_is_put_aside(synced: ContentScene) -> None:
    synced.tick()
    with connect(synced.settings.warehouse, "storykeep_transform") as conn:
        landed = {table: last for table, last in newest(conn).items() if table in TABLES}
        assert {table for table, rows in landed.items() if not rows} == {"manual_entries"}
        quarantine.put_aside(conn, {table: (0, last) for table, last in landed.items()}, synced.now)
    assert synced.all("select table_name, reason from app.quarantine") == []
