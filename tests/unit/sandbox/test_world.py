from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from storykeep.errors import StorykeepError
from storykeep.sandbox.world.accounts import World
from storykeep.sandbox.world.campaigns import campaigns_of, campaigns_yaml
from storykeep.sandbox.world.stories import LIFE, Stories

START = datetime(2026, 11, 1, tzinfo=UTC)


def make(accounts: int = 14, seed: int = 1, history_days: int = 14) -> tuple[World, Stories]:
    world = World(accounts=accounts, seed=seed, start=START, history_days=history_days)
    return world, Stories(world, campaigns_of(world))


def everything(stories: Stories, days: int = 14) -> list[object]:
    return list(stories.posted_until(START + timedelta(days=days)))


def test_the_same_seed_makes_the_same_world():
    assert list(make()[0].accounts()) == list(make()[0].accounts())
    assert everything(make()[1]) == everything(make()[1])
    assert everything(make()[1]) != everything(make(seed=2)[1])


def test_two_weeks_of_fourteen_accounts_are_well_over_300_stories():
    for seed in range(1, 6):
        assert len(everything(make(seed=seed)[1])) > 350


def test_flavours_are_half_and_half_and_names_unique():
    world, _ = make(accounts=2000)
    accounts = list(world.accounts())
    assert Counter(account.flavour for account in accounts) == {"facebook": 1000, "instagram": 1000}
    for name in ("username", "ig_user_id", "scoped_id", "page_id"):
        assert len({getattr(account, name) for account in accounts}) == 2000
    assert all(len(account.ig_user_id) == 17 and account.ig_user_id.startswith("1784") for account in accounts)


def test_some_creators_have_two_accounts():
    world, _ = make(accounts=30)
    sizes = Counter(account.creator for account in world.accounts())
    assert Counter(sizes.values()) == {1: 24, 2: 3}


def test_accounts_are_found_by_either_id():
    world, _ = make()
    account = world.account(5)
    assert world.find(account.ig_user_id) == world.find(account.scoped_id) == account
    assert world.find("17841400000000000") is None


def test_stories_are_found_by_id_and_live_for_a_day():
    world, stories = make()
    every = everything(stories)
    assert len({story.story_id for story in every}) == len(every)
    for story in every[:60]:
        assert stories.find(story.story_id) == story
        assert story in stories.live(story.account, story.posted_at)
        assert story in stories.live(story.account, story.posted_at + LIFE - timedelta(seconds=1))
        assert story not in stories.live(story.account, story.posted_at + LIFE)
        assert story not in stories.live(story.account, story.posted_at - timedelta(seconds=1))
    assert stories.find(world.account(0).ig_user_id) is None


def test_listings_are_newest_first():
    world, stories = make()
    for account in world.accounts():
        times = [story.posted_at for story in stories.live(account, START + timedelta(days=5))]
        assert times == sorted(times, reverse=True)


def test_no_story_had_expired_at_the_start():
    _, stories = make()
    assert min(story.expires_at for story in everything(stories)) > START
    assert min(story.posted_at for story in everything(stories)) < START


def test_stories_are_of_every_kind():
    every = everything(make()[1])
    assert {story.media_type for story in every} == {"IMAGE", "VIDEO"}
    assert 0 < sum(not story.has_media for story in every) < len(every) / 10
    assert len(every) / 5 < sum(story.caption is None for story in every) < len(every)
    assert 0 < sum(story.viewers(story.expires_at) < 5 for story in every) < len(every) / 10


def test_tags_stand_in_captions_of_participants_within_the_campaign():
    world, stories = make()
    campaigns = {rule.text: campaign for campaign in campaigns_of(world) for rule in campaign.rules}
    tagged = Counter()
    for story in everything(stories):
        for text in campaigns:
            if story.caption and text in story.caption:
                tagged[text] += 1
                running = [
                    part
                    for campaign in campaigns_of(world)
                    if any(rule.text == text for rule in campaign.rules)
                    for part in campaign.participants
                    if part.number == story.account.number and part.since <= story.posted_at < part.until
                ]
                assert running
    assert set(tagged) == set(campaigns)


def test_campaign_file_has_three_brands_and_five_campaigns():
    world, _ = make()
    document = yaml.safe_load(campaigns_yaml(campaigns_of(world)))
    assert len(document["brands"]) == 3
    assert len(document["campaigns"]) == 5
    handles = {account.username for account in world.accounts()}
    brands = {brand["brand_id"] for brand in document["brands"]}
    for campaign in document["campaigns"]:
        assert campaign["brand_id"] in brands
        assert campaign["participants"]
        for part in campaign["participants"]:
            assert part["username"] in handles
            assert campaign["starts_at"] <= part["from"] < part["to"] <= campaign["ends_at"]


@pytest.mark.parametrize("bad", [{"accounts": 0}, {"accounts": 2**21}, {"history_days": -1}])
def test_impossible_worlds_are_refused(bad):
    with pytest.raises(StorykeepError):
        make(**bad)
