import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storykeep.sandbox.edges.callers import authenticate
from storykeep.sandbox.errors import ApiError
from storykeep.sandbox.tokens import LONG_LIFE, SHORT_LIFE, End, Grant, TokenBook
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


def late_stories(world: World, account, stories: Stories):
    """Stories of an account whose last ten minutes begin after START + 2 days, that enough people have seen."""
    return [
        story
        for story in stories.posted_until(START + timedelta(days=9))
        if story.account == account
        and story.expires_at - timedelta(minutes=10) >= START + timedelta(days=2)
        and story.viewers(story.expires_at - timedelta(minutes=10)) > 50
    ]


def test_an_end_makes_later_stories_unserved_until_the_next_sign_in():
    world, book = make()
    account = world.account(0)
    late = late_stories(world, account, Stories(world, ()))
    assert {unserved_cause(story, book) for story in late} == {None}
    book.end(account, End("password_changed", START + timedelta(days=2)))
    assert {unserved_cause(story, book) for story in late} == {"token"}
    back = START + timedelta(days=5)
    consent = replace(book.first(account), sign_in=1, ended=None)
    book.renew(book.issue(consent, "code", back), back)
    causes = {(story.expires_at - timedelta(minutes=10) >= back, unserved_cause(story, book)) for story in late}
    assert causes == {(False, "token"), (True, None)}


def test_an_end_within_the_last_ten_minutes_makes_a_story_unserved():
    world, book = make()
    account = world.account(0)
    story = late_stories(world, account, Stories(world, ()))[0]
    book.end(account, End("logged_out", story.expires_at - timedelta(minutes=1)))
    assert unserved_cause(story, book) == "token"
    assert late_stories(world, account, Stories(world, ()))[0] == story
    earlier = make()[1]
    earlier.end(account, End("logged_out", story.expires_at + timedelta(seconds=1)))
    assert unserved_cause(story, earlier) is None


def test_a_withdrawn_permission_and_ended_data_access_have_causes_of_their_own():
    for end, cause in (
        (End("permissions_withdrawn", START, ("instagram_manage_insights",)), "permission"),
        (End("permissions_withdrawn", START, ("pages_show_list",)), None),
        (End("data_access_ended", START), "token"),
        (End("expired", START), "token"),
        (End("page_role_lost", START), None),
    ):
        world, book = make()
        account = world.account(0)
        book.end(account, end)
        late = late_stories(world, account, Stories(world, ()))
        assert {unserved_cause(story, book) for story in late} == {cause}, end


def test_who_signs_in_for_the_first_time_is_tracked_from_then_on():
    world, book = make()
    account = plagued(world, Plight.NO_CONSENT)
    back = START + timedelta(days=5)
    consent = replace(book.first(world.account(1)), account=account)
    book.renew(book.issue(consent, "code", back), back)
    late = late_stories(world, account, Stories(world, ()))
    causes = {(story.expires_at - timedelta(minutes=10) >= back, unserved_cause(story, book)) for story in late}
    assert causes == {(False, "not_tracked"), (True, None)}


def test_tokens_of_every_kind_have_one_shape_and_are_found_again():
    world, book = make()
    user = book.first(world.account(0))
    short = book.issue(user, "code", START)
    grants: list[Grant] = [
        user,
        short,
        book.renew(short, START),
        book.page(world.account(0)),
        book.issue_page_token(user, "100000000000007"),
        book.issue_page_token(short, world.account(0).page_id),
        book.first(world.account(1)),
    ]
    assert len({grant.token for grant in grants}) == len(grants)
    for grant in grants:
        assert re.fullmatch(r"(EAA|IGAA)sbx[up][0-9a-f]{46}", grant.token)
        assert book.find(grant.token) == grant


def test_a_page_token_ends_with_a_short_lived_token_and_never_with_a_long_lived_one():
    world, book = make()
    account = world.account(0)
    user = book.first(account)
    short = book.issue(user, "code", START)
    assert short.expires_at == START + SHORT_LIFE["facebook"]
    assert book.issue_page_token(short, account.page_id).expires_at == short.expires_at
    assert book.issue_page_token(user, account.page_id) == book.page(account)
    assert book.page(account).expires_at is None
    long = book.renew(short, START)
    assert book.issue_page_token(long, account.page_id).token == book.page(account).token


def test_the_latest_token_is_the_one_that_was_given_last():
    world, book = make()
    account = world.account(0)
    first = book.first(account)
    assert book.latest(account) == first
    second = book.renew(first, START)
    third = book.renew(second, START)
    assert book.grants(account) == [first, second, third]
    book.issue_page_token(third, "100000000000007")
    assert book.latest(account) == third
    again = book.renew(first, START + timedelta(days=1))
    assert [grant.token for grant in book.grants(account)] == [first.token, third.token, second.token]
    assert book.latest(account) == again


def test_a_token_that_still_reads_serves_whatever_came_after_it():
    world, book = make()
    account = world.account(0)
    book.issue(replace(book.first(account), granted=("instagram_basic",)), "code", START)
    assert {unserved_cause(story, book) for story in late_stories(world, account, Stories(world, ()))} == {None}
