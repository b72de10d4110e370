from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storykeep.accounts.alerts import UNREADABLE, Alert
from storykeep.accounts.snooze import Snooze, awake

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
STEP = Alert("acc_1", "nora", "token", "7", NOW + 5 * DAY, "token_expiring", 5.0, "creator", "connect")
LOST = replace(STEP, subject="status", step="revoked", concerns_at=NOW)


def snoozed_at(at: datetime) -> dict[str, Snooze]:
    return {"acc_1": Snooze("acc_1", "nora", at, NOW + 30 * DAY, "ida")}


def test_a_snooze_silences_every_step_of_its_account_and_nobody_else() -> None:
    other = replace(STEP, account_id="acc_2")
    assert awake([STEP, other], snoozed_at(NOW - DAY)) == [other]
    assert awake([STEP, other], {}) == [STEP, other]


def test_a_loss_that_was_known_at_the_snooze_is_silent_and_a_later_one_is_told() -> None:
    assert awake([LOST], snoozed_at(NOW)) == []
    assert awake([LOST], snoozed_at(NOW - timedelta(seconds=1))) == [LOST]


def test_a_token_that_no_key_opens_is_told_whenever_that_happened() -> None:
    unreadable = replace(LOST, step=UNREADABLE, concerns_at=NOW - 30 * DAY)
    assert awake([unreadable], snoozed_at(NOW)) == [unreadable]


@given(lost_after=st.integers(min_value=-1000, max_value=1000))
def test_no_loss_after_the_snooze_is_ever_silenced(lost_after: int) -> None:
    lost = replace(LOST, concerns_at=NOW + timedelta(minutes=lost_after))
    assert bool(awake([lost], snoozed_at(NOW))) is (lost_after > 0)
