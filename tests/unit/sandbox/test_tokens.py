from datetime import UTC, datetime, timedelta

import pytest

from storykeep.sandbox.errors import ApiError
from storykeep.sandbox.tokens import LONG_LIFE, TokenBook, authenticate
from storykeep.sandbox.world.accounts import Plight, World
from storykeep.sandbox.world.campaigns import campaigns_of
from storykeep.sandbox.world.stories import Stories
from storykeep.sandbox.world.truth import unserved_cause

START = datetime(2026, 11, 1, tzinfo=UTC)


def make(history_days: int = 14, accounts: int = 14) -> tuple[World, TokenBook]:
    world = World(accounts=accounts, seed=1, start=START, history_days=history_days)
    return world, TokenBook(world)


def plagued(world: World, plight: Plight):
    (account,) = (account for account in world.accounts() if account.plight is plight)
    return account


@pytest.mark.parametrize(("history_days", "days_before"), [(14, 3), (0, 1)])
def test_the_expired_token_ends_before_the_present(history_days, days_before):
    world, book = make(history_days)
    grant = book.first(plagued(world, Plight.EXPIRED))
    assert grant.expires_at == world.present - timedelta(days=days_before)


def test_the_expiring_token_and_its_data_access_end_two_days_after_the_present():
    world, book = make()
    account = plagued(world, Plight.EXPIRING)
    grant = book.first(account)
    assert account.flavour == "facebook"
    assert grant.expires_at == grant.data_access_expires_at == world.present + timedelta(days=2)


def test_the_creator_without_consent_has_no_token():
    world, book = make()
    account = plagued(world, Plight.NO_CONSENT)
    assert book.first(account) is None
    assert book.page(account) is None


@pytest.mark.parametrize("history_days", [0, 14, 40, 100])
def test_all_other_tokens_outlive_the_present_by_20_days(history_days):
    world, book = make(history_days, accounts=200)
    for account in world.accounts():
        grant = book.first(account)
        if account.plight in (Plight.NONE, Plight.NO_INSIGHTS):
            assert grant.expires_at > world.present + timedelta(days=20)
            assert grant.issued_at <= world.start - timedelta(days=1)
            if account.flavour == "facebook":
                assert grant.data_access_expires_at > world.present + timedelta(days=20)


@pytest.mark.parametrize("history_days", [0, 14])
def test_no_token_lives_longer_than_60_days_where_the_history_allows(history_days):
    world, book = make(history_days, accounts=200)
    grants = [grant for account in world.accounts() if (grant := book.first(account))]
    assert max(grant.expires_at for grant in grants) <= START + timedelta(days=60)


def test_tokens_are_found_by_their_text_only():
    world, book = make()
    grant = book.first(world.account(0))
    assert book.find(grant.token) == grant
    assert book.find(grant.token[:-1] + ("0" if grant.token[-1] != "0" else "1")) is None
    assert book.find("EAAsomethingelse") is None
    assert book.find(book.page(world.account(0)).token).kind == "PAGE"


def test_a_renewed_token_is_new_and_the_old_one_stays_valid_to_its_date():
    world, book = make()
    old = book.first(world.account(0))
    now = START + timedelta(days=3)
    new = book.renew(old, now)
    assert new.token != old.token
    assert new.expires_at == now + LONG_LIFE
    assert new.data_access_expires_at == old.data_access_expires_at
    assert make()[1].renew(old, now).token == new.token
    assert authenticate(book, "facebook", old.token, None, now) == old
    later = old.expires_at
    assert authenticate(book, "facebook", new.token, None, later) == new
    with pytest.raises(ApiError) as refused:
        authenticate(book, "facebook", old.token, None, later)
    assert (refused.value.code, refused.value.subcode) == (190, 463)


def test_the_other_host_refuses_a_token():
    world, book = make()
    with pytest.raises(ApiError) as refused:
        authenticate(book, "instagram", book.first(world.account(0)).token, None, START)
    assert refused.value.code == 190


def test_causes_of_unserved_stories():
    world, book = make()
    stories = Stories(world, campaigns_of(world))
    causes: dict[Plight, set[str | None]] = {plight: set() for plight in Plight}
    for story in stories.posted_until(world.present + timedelta(days=4)):
        causes[story.account.plight].add(unserved_cause(story, book))
    assert causes[Plight.NO_CONSENT] == {"not_tracked"}
    assert causes[Plight.NO_INSIGHTS] == {"permission"}
    assert causes[Plight.EXPIRED] >= {None, "token"}
    assert causes[Plight.EXPIRING] >= {None, "token"}
    assert causes[Plight.NONE] == {None, "withheld"}


def test_a_renewal_serves_later_stories_again():
    world, book = make()
    account = plagued(world, Plight.EXPIRED)
    stories = Stories(world, ())
    late = [
        story
        for story in stories.posted_until(world.present)
        if story.account == account and unserved_cause(story, book) == "token" and story.viewers(story.expires_at) > 50
    ]
    assert late
    book.renew(book.first(account), START + timedelta(days=2))
    assert {unserved_cause(story, book) for story in late} == {None}
