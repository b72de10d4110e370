from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from storykeep.sandbox.world.accounts import World
from storykeep.sandbox.world.posts import MOST_LISTED, Post, Posts

START = datetime(2026, 11, 1, tzinfo=UTC)
PROLIFIC = 50


@pytest.fixture(scope="module")
def world() -> World:
    return World(accounts=60, seed=3, start=START)


@pytest.fixture(scope="module")
def posts(world: World) -> Posts:
    return Posts(world)


def every_post(world: World, posts: Posts, accounts: int = 14) -> list[Post]:
    return [post for number in range(accounts) for post in posts.listed(world.account(number), START)[:]]


def test_the_same_seed_makes_the_same_posts(world, posts):
    assert every_post(world, posts, 2) == every_post(world, Posts(world), 2)
    other = World(accounts=60, seed=4, start=START)
    assert every_post(world, posts, 2) != every_post(other, Posts(other), 2)


def test_posts_are_of_every_kind_and_reels_are_videos(world, posts):
    every = every_post(world, posts)
    kinds = Counter((post.product, post.media_type) for post in every)
    assert kinds.keys() == {("FEED", "IMAGE"), ("FEED", "VIDEO"), ("FEED", "CAROUSEL_ALBUM"), ("REELS", "VIDEO")}
    assert min(kinds.values()) > len(every) / 50
    assert {len(post.children) for post in every if post.media_type != "CAROUSEL_ALBUM"} == {0}
    assert {len(post.children) for post in every if post.media_type == "CAROUSEL_ALBUM"} == set(range(2, 11))


def test_a_feed_is_newest_first_and_ends_at_the_moment(world, posts):
    for at in (START, START + timedelta(days=9)):
        feed = posts.listed(world.account(2), at)
        times = [post.posted_at for post in feed]
        assert all(newer > older for newer, older in pairwise(times))
        assert times[0] <= at
        assert len(feed) == posts.count(world.account(2), at)
    assert posts.count(world.account(2), START + timedelta(days=30)) > posts.count(world.account(2), START)


def test_a_feed_is_cut_by_since_and_until_to_the_second(world, posts):
    account = world.account(0)
    whole = posts.listed(account, START)
    newest, oldest = whole[3].posted_at, whole[8].posted_at
    assert posts.listed(account, START, oldest, newest)[:] == whole[3:9]
    second = timedelta(seconds=1)
    assert posts.listed(account, START, oldest + second, newest - second)[:] == whole[4:8]
    assert len(posts.listed(account, START, START + second)) == 0
    assert len(posts.listed(account, START, None, whole[-1].posted_at - second)) == 0
    assert len(posts.listed(account, START, newest, oldest)) == 0


def test_only_the_newest_ten_thousand_are_listed(world, posts):
    account = world.account(PROLIFIC)
    count, feed = posts.count(account, START), posts.listed(account, START)
    assert count > len(feed) == MOST_LISTED == 10_000
    oldest = feed[len(feed) - 1].posted_at
    assert len(posts.listed(account, START, until=oldest - timedelta(seconds=1))) == 0
    assert len(posts.listed(account, START, since=START - timedelta(days=3000))) == MOST_LISTED


def test_posts_and_children_are_found_by_ids_that_are_theirs_alone(world, posts):
    every = every_post(world, posts, 4)
    children = [child for post in every for child in post.children]
    ids = [media.media_id for media in (*every, *children)]
    assert len(set(ids)) == len(ids)
    assert all(len(media_id) == 17 and media_id.startswith("179") for media_id in ids)
    assert [posts.find(media_id) for media_id in ids] == [*every, *children]
    image = next(post for post in every if not post.children)
    foreign = str(int(image.media_id) + 1)
    assert posts.find(foreign) is None or posts.find(foreign).media_id == foreign
    for nothing in ("", "18000000000000000", world.account(0).ig_user_id, f"0{image.media_id}"):
        assert posts.find(nothing) is None


def test_ig_ids_carry_the_time_of_the_post(world, posts):
    for post in every_post(world, posts, 2):
        milliseconds = (int(post.ig_id) >> 23) + 1_314_220_021_721
        assert 0 <= milliseconds - post.posted_at.timestamp() * 1000 < 1000


def test_reels_have_times_in_milliseconds_and_a_skip_rate(world, posts):
    at, reels = START + timedelta(days=1), [p for p in every_post(world, posts, 6) if p.product == "REELS"]
    for reel in reels:
        counts = reel.numbers(at)
        average = counts["ig_reels_avg_watch_time"]
        assert 1_000 <= average <= reel.length / timedelta(milliseconds=1)
        assert counts["ig_reels_video_view_total_time"] == average * counts["views"]
        assert 0 < counts["reels_skip_rate"] < 100
    assert reels


def test_the_oldest_posts_are_older_than_the_professional_account(world, posts):
    shares = []
    for number in range(14):
        feed = posts.listed(world.account(number), START)
        flags = [post.is_professional for post in feed]
        assert flags == sorted(flags, reverse=True)
        assert flags[0]
        shares.append(flags.count(False) / len(flags))
    assert max(shares) > 0.1
    assert all(share <= 0.35 for share in shares)


def test_tagging_posts_are_real_posts_of_others_newest_first(world, posts):
    for number in (0, 5, 7):
        tagging = posts.tagging(world.account(number), START)
        assert 5 < len(tagging) < 60
        assert all(newer.posted_at > older.posted_at for newer, older in pairwise(tagging))
        assert all(post.posted_at <= START and post.account.number != number for post in tagging)
        assert all(posts.find(post.media_id) == post for post in tagging)
    alone = World(accounts=1, seed=3, start=START)
    assert Posts(alone).tagging(alone.account(0), START) == []
