from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.accounts.test_alerts import WELL

from storykeep.accounts.alerts import LADDER, MOST_LINES, Alert, Key, due
from storykeep.accounts.digests import DATA_TEAM, Brand, Digest, waiting

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AURORA, ZEST = Brand("aurora", "Aurora Skin", "ida@aurora.test"), Brand("zest", "Zest", None)
CREATORS = Alert("acc_1", "nora", "token", "7", NOW + 5 * DAY, "token_expiring", 5.0, "creator", "connect")
BRANDS = {"acc_1": [AURORA, ZEST]}


def test_each_brand_of_the_account_gets_a_digest_of_its_own() -> None:
    other = replace(CREATORS, account_id="acc_2", username="omar")
    found = waiting([CREATORS, other], {"acc_1": [AURORA, ZEST], "acc_2": [ZEST]}, set())
    assert found == [Digest(AURORA, (CREATORS,)), Digest(ZEST, (CREATORS, other))]
    assert "omar" not in found[0].text


def test_the_data_team_gets_its_own_matters_and_those_of_accounts_without_a_campaign() -> None:
    ours = replace(CREATORS, owner="data team")
    stranger = replace(CREATORS, account_id="acc_9", username="zoe")
    assert waiting([ours, stranger], BRANDS, set()) == [Digest(None, (ours, stranger))]
    assert Digest(None, (ours,)).recipient == DATA_TEAM


def test_what_was_sent_to_one_recipient_still_waits_for_the_other() -> None:
    sent = {(CREATORS.key, "aurora")}
    assert waiting([CREATORS], BRANDS, sent) == [Digest(ZEST, (CREATORS,))]
    assert waiting([CREATORS], BRANDS, sent | {(CREATORS.key, "zest")}) == []


def test_a_digest_says_how_many_accounts_of_whom_and_a_line_for_each_alert() -> None:
    both = Digest(AURORA, (CREATORS, replace(CREATORS, subject="data_access")))
    assert both.subject == "Storykeep: 1 account needs somebody (Aurora Skin)"
    assert both.text.splitlines() == [both.subject, "", CREATORS.line, CREATORS.line]
    assert Digest(None, (CREATORS, replace(CREATORS, account_id="acc_2"))).subject == (
        "Storykeep: 2 accounts need somebody"
    )


def test_a_storm_is_one_digest_of_bounded_length() -> None:
    storm = [replace(CREATORS, account_id=f"acc_{number}") for number in range(10_000)]
    (digest,) = waiting(storm, {}, set())
    assert len(digest.alerts) == 10_000
    assert len(digest.text.splitlines()) == 2 + MOST_LINES + 1
    assert digest.text.endswith(f"and {10_000 - MOST_LINES} more: storykeep accounts list")


@given(
    runs=st.lists(st.tuples(st.integers(-40 * 24, -1), st.booleans(), st.booleans()), max_size=40),
    is_lost=st.booleans(),
)
def test_whatever_channel_is_down_when_each_takes_each_step_once_and_in_the_end_all_that_stands(
    runs: list[tuple[int, bool, bool]], is_lost: bool
) -> None:
    """Runs at any hours before the end, each with a mail server and a webhook that are up or down; then one of both."""
    held = replace(WELL, token_expires_at=NOW)
    sent: dict[str, Counter[tuple[Key, str]]] = {"mail": Counter(), "hook": Counter()}

    def run(now: datetime, up: dict[str, bool], lost: bool) -> None:
        one = replace(held, status="revoked", reason="password_changed", status_since=NOW) if lost else held
        for channel, taken in sent.items():
            for digest in waiting(due([one], now, ()), BRANDS, taken):
                if up[channel]:
                    taken.update((alert.key, digest.recipient) for alert in digest.alerts)

    for hour, mail, hook in runs:
        run(NOW + timedelta(hours=hour), {"mail": mail, "hook": hook}, lost=False)
    run(NOW, {"mail": True, "hook": True}, is_lost)
    for channel, taken in sent.items():
        assert set(taken.values()) <= {1}
        seen = [hour for hour, *up in runs if up[channel == "hook"]]
        steps = {step for step in LADDER if any(_innermost(hour) == step for hour in seen)} | (
            set() if is_lost else {1}
        )
        expected = {str(step) for step in steps} | ({"revoked"} if is_lost else set())
        assert {key[2] for key, _ in taken} == expected
        assert Counter(recipient for _, recipient in taken) == (
            {"aurora": len(expected), "zest": len(expected)} if expected else {}
        )


def _innermost(hour: int) -> int | None:
    return next((step for step in LADDER if -hour <= step * 24), None)
