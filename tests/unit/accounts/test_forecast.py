from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.accounts.test_alerts import WELL

from storykeep.accounts.connections import Held
from storykeep.accounts.forecast import Deliverable, Lapse, forecast

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAMPAIGN = Deliverable("acc_1", "glow", NOW + 20 * DAY)


def lapses_at(held: Held, *parts: Deliverable) -> list[datetime]:
    return [lapse.lapses_at for lapse in forecast([held], parts or (CAMPAIGN,), NOW)]


def test_who_lapses_before_the_last_story_has_lived_is_named_with_owner_and_remedy() -> None:
    held = replace(WELL, data_access_expires_at=NOW + 20 * DAY)
    assert forecast([held], [CAMPAIGN], NOW) == [
        Lapse(
            username="nora",
            campaign="glow",
            lapses_at=NOW + 20 * DAY,
            needed_until=NOW + 21 * DAY,
            owner="creator",
            remedy="connect the account again before the last day",
        )
    ]


@pytest.mark.parametrize(("left", "is_short"), [(timedelta(days=20, hours=23), True), (timedelta(days=21), False)])
def test_the_last_story_lives_a_day_beyond_the_campaign(left: timedelta, is_short: bool) -> None:
    assert bool(lapses_at(replace(WELL, data_access_expires_at=NOW + left))) is is_short


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
def test_a_token_that_is_renewed_by_itself_does_not_count(flavour: str) -> None:
    held = replace(WELL, login_flavour=flavour, token_expires_at=NOW + 15 * DAY)  # type: ignore[arg-type]
    assert lapses_at(held) == []


def test_a_token_so_near_to_its_end_that_renewals_must_have_failed_counts() -> None:
    held = replace(WELL, token_expires_at=NOW + 14 * DAY, data_access_expires_at=NOW + 18 * DAY)
    assert lapses_at(held) == [NOW + 14 * DAY]
    assert lapses_at(replace(held, data_access_expires_at=NOW + 2 * DAY)) == [NOW + 2 * DAY]


def test_what_has_ended_already_lapsed_when_it_ended_and_a_goodbye_is_none() -> None:
    ended = replace(WELL, status="revoked", reason="password_changed", status_since=NOW - DAY)
    assert lapses_at(ended) == [NOW - DAY]
    assert lapses_at(replace(ended, status="disconnected", reason=None)) == []


def test_without_a_known_end_or_a_campaign_nobody_lapses() -> None:
    assert lapses_at(WELL) == []
    soon = replace(WELL, data_access_expires_at=NOW + DAY)
    assert lapses_at(soon, replace(CAMPAIGN, account_id="acc_2")) == []


def test_the_next_to_lapse_stands_first_once_for_each_of_its_campaigns() -> None:
    later = replace(WELL, account_id="acc_2", username="omar", data_access_expires_at=NOW + 9 * DAY)
    sooner = replace(WELL, data_access_expires_at=NOW + 3 * DAY)
    parts = [replace(CAMPAIGN, account_id="acc_2"), replace(CAMPAIGN, campaign_id="zest"), CAMPAIGN]
    found = forecast([later, sooner], parts, NOW)
    assert [(lapse.username, lapse.campaign) for lapse in found] == [
        ("nora", "glow"),
        ("nora", "zest"),
        ("omar", "glow"),
    ]
