from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storykeep.accounts.alerts import LADDER, Alert, Key, TokensInTroubleError, due
from storykeep.accounts.connections import Held

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WELL = Held(
    account_id="acc_1",
    ig_user_id="1784",
    username="nora",
    login_flavour="facebook",
    token_encrypted=b"locked",
    scopes=["instagram_basic", "instagram_manage_insights"],
    status="connected",
    reason=None,
    status_since=NOW - 30 * DAY,
    connected_at=NOW - 30 * DAY,
    token_issued_at=None,
    token_expires_at=None,
    data_access_expires_at=None,
)


def steps(held: Held, now: datetime = NOW, told: frozenset[Key] = frozenset()) -> list[tuple[str, str]]:
    return [(alert.subject, alert.step) for alert in due([held], now, told)]


def test_nobody_is_told_while_all_is_well() -> None:
    assert steps(WELL) == []
    assert steps(replace(WELL, token_expires_at=NOW + 14 * DAY + timedelta(seconds=1))) == []


def test_each_clock_has_its_ladder() -> None:
    both = replace(WELL, token_expires_at=NOW + 2 * DAY, data_access_expires_at=NOW + 9 * DAY)
    assert steps(both) == [("token", "3"), ("data_access", "14")]


def test_of_several_passed_steps_only_the_innermost_is_told() -> None:
    for left, step in [(14, "14"), (8, "14"), (7, "7"), (3, "3"), (1, "1"), (0.1, "1")]:
        assert steps(replace(WELL, token_expires_at=NOW + left * DAY)) == [("token", step)]


def test_a_step_is_told_once_and_a_new_expiry_begins_anew() -> None:
    near = replace(WELL, token_expires_at=NOW + 2 * DAY)
    told = frozenset(alert.key for alert in due([near], NOW, frozenset()))
    assert steps(near, NOW, told) == []
    assert steps(near, NOW + 1.5 * DAY, told) == [("token", "1")]
    assert steps(replace(near, token_expires_at=NOW + 2.5 * DAY), NOW, told) == [("token", "3")]


def test_a_failure_is_told_alone() -> None:
    ended = replace(WELL, status="expired", reason="token_expired", status_since=NOW, token_expires_at=NOW)
    assert steps(ended) == [("status", "expired")]


def test_gone_accounts_are_silent() -> None:
    assert steps(replace(WELL, status="disconnected", token_expires_at=NOW)) == []


def test_a_line_names_handle_reason_days_left_owner_and_remedy() -> None:
    lines = [
        alert.line
        for alert in due(
            [
                replace(WELL, account_id="a", username="a", status="revoked", reason="password_changed"),
                replace(WELL, account_id="b", username="b", data_access_expires_at=NOW + 2 * DAY),
                replace(
                    WELL,
                    account_id="c",
                    username="c",
                    status="connected_no_insights",
                    reason="missing_scope",
                    scopes=["instagram_basic"],
                    token_expires_at=NOW + 30 * DAY,
                ),
                replace(WELL, account_id="d", username="d", status="needs_action", reason="page_role_lost"),
            ],
            NOW,
            frozenset(),
        )
    ]
    assert lines == [
        "@a: revoked (password_changed), 0 days left; creator: connect the account again",
        "@b: data_access_ending at 2026-11-23 12:00 UTC, 2 days left; creator: connect the account again before"
        " the last day",
        "@c: connected_no_insights (missing_scope: instagram_manage_insights), 30 days left; creator: connect the"
        " account again and leave access to insights switched on",
        "@d: needs_action (page_role_lost), no end known; creator: get the role on the linked Facebook Page back,"
        " then connect the account again",
    ]


def test_the_error_lists_every_line() -> None:
    alerts = due([replace(WELL, token_expires_at=NOW + DAY, data_access_expires_at=NOW + DAY)], NOW, frozenset())
    message = str(TokensInTroubleError(alerts))
    assert len(alerts) == 2
    for alert in alerts:
        assert f"\n  {alert.line}" in message


def check(held: Held, now: datetime, told: Counter[Key]) -> list[Alert]:
    """One check: the clock has ended the token or not, and what is due is told."""
    if held.token_expires_at and held.token_expires_at <= now and held.status != "expired":
        held = replace(held, status="expired", reason="token_expired", status_since=held.token_expires_at)
    alerts = due([held], now, told)
    told.update(alert.key for alert in alerts)
    return alerts


@given(hours=st.lists(st.integers(min_value=-40 * 24, max_value=10 * 24), max_size=40), in_order=st.booleans())
def test_at_whatever_times_it_is_checked_each_step_is_told_at_most_once_and_the_failure_exactly_once(
    hours: list[int], in_order: bool
) -> None:
    expires_at = NOW
    held = replace(WELL, token_expires_at=expires_at)
    told: Counter[Key] = Counter()
    for hour in sorted(hours) if in_order else hours:
        now = expires_at + timedelta(hours=hour)
        alerts = check(held, now, told)
        assert len(alerts) <= 1
        for alert in alerts:
            assert alert.step == "expired" or now >= expires_at - int(alert.step) * DAY
    assert all(times == 1 for times in told.values())
    assert {key[2] for key in told} <= {"expired", *map(str, LADDER)}
    failures = sum(times for key, times in told.items() if key[2] == "expired")
    assert failures == (1 if any(hour >= 0 for hour in hours) else 0)
    for step in LADDER:
        reached = [hour for hour in hours if -step * 24 <= hour < -max((s for s in LADDER if s < step), default=0) * 24]
        assert (("acc_1", "token", str(step), expires_at) in told) is bool(reached)
