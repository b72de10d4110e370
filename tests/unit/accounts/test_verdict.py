from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storykeep.accounts.connections import INSIGHTS_SCOPE, READ_SCOPE, Held
from storykeep.accounts.states import Reason, State
from storykeep.accounts.verdict import judge, learned, should_inspect, should_renew
from storykeep.graph.tokens import TokenFacts
from storykeep.settings import FLAVOURS, Flavour

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def connection(flavour: Flavour = "facebook", **changes: Any) -> Held:
    return replace(
        Held(
            account_id="acc_1",
            ig_user_id="1784",
            username="nora",
            login_flavour=flavour,
            token_encrypted=b"locked",
            scopes=[READ_SCOPE[flavour], INSIGHTS_SCOPE[flavour]],
            status="connected",
            reason=None,
            status_since=NOW - 30 * DAY,
            connected_at=NOW - 30 * DAY,
            token_issued_at=None,
            token_expires_at=None,
            data_access_expires_at=None,
        ),
        **changes,
    )


def judged(before: Held, **after: Any) -> tuple[State, Reason | None]:
    return judge(before, replace(before, **after), NOW)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_all_well(flavour: Flavour) -> None:
    far = NOW + 40 * DAY
    assert judged(connection(flavour, token_expires_at=far, data_access_expires_at=far)) == (State.CONNECTED, None)
    assert judged(connection(flavour)) == (State.CONNECTED, None)
    assert judged(connection(flavour, scopes=None)) == (State.CONNECTED, None)


def test_either_clock_makes_it_expire() -> None:
    near, far = NOW + 14 * DAY, NOW + 15 * DAY
    held = connection()
    assert judged(held, token_expires_at=near, data_access_expires_at=far) == (State.EXPIRING, Reason.TOKEN_EXPIRING)
    assert judged(held, token_expires_at=far, data_access_expires_at=near) == (
        State.EXPIRING,
        Reason.DATA_ACCESS_ENDING,
    )
    assert judged(held, token_expires_at=far, data_access_expires_at=far) == (State.CONNECTED, None)


def test_data_access_ends_at_its_moment() -> None:
    held = connection()
    assert judged(held, data_access_expires_at=NOW) == (State.DATA_ACCESS_ENDED, Reason.DATA_ACCESS_ENDED)
    assert judged(held, data_access_expires_at=NOW + timedelta(seconds=1))[0] is State.EXPIRING


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_missing_scopes(flavour: Flavour) -> None:
    held = connection(flavour)
    assert judged(held, scopes=[READ_SCOPE[flavour]]) == (State.CONNECTED_NO_INSIGHTS, Reason.MISSING_SCOPE)
    assert judged(held, scopes=[INSIGHTS_SCOPE[flavour]]) == (State.NEEDS_ACTION, Reason.MISSING_SCOPE)


def test_a_scope_that_inspection_saw_missing_heals_when_inspection_sees_it() -> None:
    lacking = connection(status="connected_no_insights", reason="missing_scope", scopes=["instagram_basic"])
    assert judged(lacking, scopes=["instagram_basic", "instagram_manage_insights"]) == (State.CONNECTED, None)


@pytest.mark.parametrize("scopes", [None, ["instagram_basic", "instagram_manage_insights"]])
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (State.NEEDS_ACTION, Reason.MISSING_SCOPE),
        (State.NEEDS_ACTION, Reason.PAGE_ROLE_LOST),
        (State.NEEDS_ACTION, Reason.ACCOUNT_GONE),
    ],
)
def test_what_only_capture_can_see_is_not_healed_by_inspection(
    status: State, reason: Reason, scopes: list[str] | None
) -> None:
    refused = connection(status=status.value, reason=reason.value, scopes=scopes)
    assert judged(refused, scopes=["instagram_basic", "instagram_manage_insights"]) == (status, reason)


@pytest.mark.parametrize("scopes", [None, ["instagram_basic", "instagram_manage_insights"]])
def test_refused_insights_come_back_with_the_first_sight_of_their_scope(scopes: list[str] | None) -> None:
    refused = connection(status="connected_no_insights", reason="missing_scope", scopes=scopes)
    assert judged(refused, scopes=["instagram_basic", "instagram_manage_insights"]) == (State.CONNECTED, None)
    assert judged(refused, scopes=None) == (State.CONNECTED_NO_INSIGHTS, Reason.MISSING_SCOPE)


@pytest.mark.parametrize("reason", [Reason.CHECKPOINTED, Reason.UNCONFIRMED_USER])
def test_a_token_that_answers_again_heals(reason: Reason) -> None:
    assert judged(connection(status="needs_action", reason=reason.value)) == (State.CONNECTED, None)


def test_renewed_consent_heals_ended_data_access() -> None:
    ended = connection(status="data_access_ended", reason="data_access_ended", data_access_expires_at=NOW - DAY)
    assert judged(ended, data_access_expires_at=NOW + 89 * DAY) == (State.CONNECTED, None)


@pytest.mark.parametrize(
    ("flavour", "left", "is_due"),
    [
        ("instagram", timedelta(days=50), False),
        ("instagram", timedelta(days=49, hours=23), True),
        ("instagram", timedelta(hours=1), True),
        ("facebook", timedelta(days=20), False),
        ("facebook", timedelta(days=19, hours=23), True),
        ("facebook", timedelta(hours=1), True),
    ],
)
def test_renews_when_near_enough(flavour: Flavour, left: timedelta, is_due: bool) -> None:
    assert should_renew(connection(flavour, token_expires_at=NOW + left), NOW) is is_due


def test_instagram_refuses_to_refresh_what_is_younger_than_a_day() -> None:
    day_old = {"token_expires_at": NOW + 10 * DAY, "token_issued_at": NOW - DAY}
    younger = {**day_old, "token_issued_at": NOW - DAY + timedelta(seconds=1)}
    assert should_renew(connection("instagram", **day_old), NOW)
    assert not should_renew(connection("instagram", **younger), NOW)
    assert should_renew(connection("facebook", **younger), NOW)


def test_unknown_expiry_is_learned_on_instagram_and_means_never_on_facebook() -> None:
    assert should_renew(connection("instagram"), NOW)
    assert not should_renew(connection("instagram", connected_at=NOW - DAY / 2), NOW)
    assert not should_renew(connection("facebook"), NOW)


def test_facebook_tells_clocks_and_scopes() -> None:
    facts = TokenFacts(True, NOW + DAY, NOW + 2 * DAY, NOW - DAY, ("b", "a"), "9001")
    after = learned(connection(), facts, NOW)
    assert (after.token_expires_at, after.data_access_expires_at, after.token_issued_at, after.scopes) == (
        NOW + DAY,
        NOW + 2 * DAY,
        NOW - DAY,
        ["a", "b"],
    )


def test_instagram_tells_only_that_it_lives() -> None:
    held = connection("instagram", token_expires_at=NOW + DAY)
    assert learned(held, TokenFacts(True, user_id="1784"), NOW) == held
    wrong = connection("instagram", token_expires_at=NOW - DAY)
    assert learned(wrong, TokenFacts(True, user_id="1784"), NOW).token_expires_at is None


@pytest.mark.parametrize(
    ("ago", "is_due"),
    [(timedelta(0), False), (timedelta(minutes=54, seconds=59), False), (timedelta(minutes=55), True), (-DAY, True)],
)
def test_inspects_hourly_whatever_becomes_of_the_clock(ago: timedelta, is_due: bool) -> None:
    well = {"token_expires_at": NOW + 55 * DAY, "inspected_at": NOW - ago}
    for flavour in FLAVOURS:
        assert should_inspect(connection(flavour, **well), NOW) is is_due


@pytest.mark.parametrize(
    "changes",
    [
        {"inspected_at": None},
        {"previous_token_encrypted": b"locked"},
        {"token_expires_at": NOW + 19 * DAY},
        {"status": "needs_action", "reason": "checkpointed"},
        {"status": "data_access_ended", "reason": "data_access_ended"},
    ],
)
def test_inspects_at_once_what_calls_for_it(changes: dict[str, Any]) -> None:
    well = {"token_expires_at": NOW + 55 * DAY, "inspected_at": NOW}
    assert should_inspect(connection(**{**well, **changes}), NOW)
    assert not should_inspect(connection(**well), NOW)


def test_a_withdrawn_permission_does_not_let_capture_into_what_it_was_refused() -> None:
    lost = connection("facebook", status="needs_action", reason="page_role_lost")
    without_insights = replace(lost, scopes=["instagram_basic", "pages_show_list", "pages_read_engagement"])
    assert judge(lost, without_insights, NOW) == (State.NEEDS_ACTION, Reason.PAGE_ROLE_LOST)
    connected = replace(lost, status="connected", reason=None)
    assert judge(connected, without_insights, NOW) == (State.CONNECTED_NO_INSIGHTS, Reason.MISSING_SCOPE)
