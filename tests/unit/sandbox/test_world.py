from collections import Counter
from datetime import UTC, date, datetime, timedelta

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


def test_few_videos_have_no_thumbnail_and_no_image_has_one():
    every = everything(make()[1])
    videos = [story for story in every if story.media_type == "VIDEO"]
    assert 0 < sum(not story.has_thumbnail for story in videos) < len(videos) / 5
    assert not any(story.has_thumbnail for story in every if story.media_type == "IMAGE")
    assert any(story.has_thumbnail and not story.has_media for story in videos)


def test_some_captions_are_hard_to_store():
    captions = "".join(story.caption or "" for story in everything(make()[1], days=60))
    for sign in ("\u200b", "\u200d", "\ufeff", "\u202b", "\u0635", "\n\t", "\U0001f3fd"):
        assert sign in captions
    longest = max(len(story.caption or "") for story in everything(make()[1], days=60))
    assert 1_000 < longest <= 2_200


def test_some_stories_of_facebook_accounts_are_shared_to_facebook():
    shared = [story for story in everything(make()[1]) if "facebook_views" in story.growth.rates]
    assert {story.account.flavour for story in shared} == {"facebook"}
    assert 20 < len(shared) < 60
    for story in shared:
        assert story.numbers(story.expires_at)["facebook_views"] <= story.numbers(story.expires_at)["views"]


def test_one_account_in_41_tells_up_to_a_hundred_stories_on_every_tenth_day():
    _, stories = make(accounts=103)
    days: Counter[tuple[int, date]] = Counter()
    for story in everything(stories, days=30):
        local = story.posted_at + timedelta(hours=story.account.utc_offset)
        days[story.account.number, local.date()] += 1
    long_days = {day: size for day, size in days.items() if size > 10}
    assert {number for number, _ in long_days} == {20, 61, 102}
    assert len(long_days) == 9
    assert all(55 < size <= 100 for size in long_days.values())


def test_no_account_posts_two_stories_at_once():
    _, stories = make(accounts=21)
    moments = [(story.account.number, story.posted_at) for story in everything(stories, days=40)]
    assert len(set(moments)) == len(moments)


def test_somebody_tells_of_the_campaign_that_is_open_to_all():
    world, stories = make()
    (everybodys,) = (campaign for campaign in campaigns_of(world) if campaign.scope == "all")
    (rule,) = everybodys.rules
    assert everybodys.participants == ()
    assert sum(rule.text in (story.caption or "") for story in everything(stories)) > 5


def test_every_kind_of_thing_is_promised_and_due_within_its_campaign():
    world, _ = make()
    promised = [(campaign, one) for campaign in campaigns_of(world) for one in campaign.deliverables]
    assert {one.kind for _, one in promised} == {"story", "post", "reel"}
    for campaign, one in promised:
        assert campaign.starts_at < one.due_at <= campaign.ends_at
        assert one.username in {None, campaign.participants[0].username}
    assert any(one.username for _, one in promised)
    for campaign in campaigns_of(world):
        assert sum(part.fee or 0 for part in campaign.participants) < campaign.cost


def test_tags_stand_in_captions_of_participants_within_the_campaign():
    world, stories = make()
    campaigns = {
        rule.text: campaign for campaign in campaigns_of(world) if campaign.participants for rule in campaign.rules
    }
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


def test_campaign_file_has_three_brands_and_six_campaigns():
    world, _ = make()
    document = yaml.safe_load(campaigns_yaml(campaigns_of(world)))
    assert len(document["brands"]) == 3
    assert len(document["campaigns"]) == 6
    handles = {account.username for account in world.accounts()}
    brands = {brand["brand_id"] for brand in document["brands"]}
    for campaign in document["campaigns"]:
        assert campaign["brand_id"] in brands
        assert campaign["participants"] or campaign["scope"] == "all"
        for part in campaign["participants"]:
            assert part["username"] in handles
            assert campaign["starts_at"] <= part["from"] < part["to"] <= campaign["ends_at"]


@pytest.mark.parametrize("bad", [{"accounts": 0}, {"accounts": 2**21}, {"history_days": -1}])
def test_impossible_worlds_are_refused(bad):
    with pytest.raises(StorykeepError):
        make(**bad)
