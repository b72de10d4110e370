"""The checks of the lifetimes: each is seen to fail on a chronicle in which one thing went wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from soaking.fates import Blow, Fates
from soaking.lifetime_checks import Chronicle, Probe, checks

from storykeep.accounts.alerts import Alert
from storykeep.accounts.connections import Held

START = datetime(2026, 11, 5, 20, tzinfo=UTC)
DAY = timedelta(days=1)
RUNS = [START + number * DAY / 2 for number in range(60)]
ENDS_AT = START + 20 * DAY
NORA = Held(
    account_id="acc_1",
    ig_user_id="1001",
    username="nora",
    login_flavour="facebook",
    token_encrypted=b"locked",
    scopes=["instagram_basic", "instagram_manage_insights"],
    status="connected",
    reason=None,
    status_since=START,
    connected_at=START,
    token_issued_at=None,
    token_expires_at=None,
    data_access_expires_at=ENDS_AT,
)
ENDED = replace(NORA, status="data_access_ended", reason="data_access_ended", status_since=ENDS_AT)
REVOKED = replace(NORA, status="revoked", reason="logged_out", status_since=START + 5 * DAY)
NOBODY = Fates((), {}, {}, {})


class Events:
    """As much of a database connection as the checks ask."""

    def __init__(self, *rows: tuple[str, str, str | None]) -> None:
        self._rows = rows

    def execute(self, query: str) -> "Events":
        return self

    def fetchall(self) -> list[tuple[str, str, str | None]]:
        return list(self._rows)


def alert(subject: Any, step: str, concerns_at: datetime, reason: str = "data_access_ending") -> Alert:
    return Alert("acc_1", "nora", subject, step, concerns_at, reason, None, "creator", "connect the account again")


def ended(*, without: str = "", late: timedelta = timedelta(0)) -> Chronicle:
    """The data access ends on the twentieth day, and every step but one is told."""
    told = {
        ENDS_AT - int(step) * DAY + late: alert("data_access", step, ENDS_AT)
        for step in ("14", "7", "3", "1")
        if step != without
    }
    return Chronicle(
        watches=[(at, (told[at],) if at in told else (), {"acc_1": NORA if at < ENDS_AT else ENDED}) for at in RUNS],
        deaths=[(ENDS_AT, NORA, Probe(ENDED, serves_stories=False, serves_insights=False))],
        calls=100,
    )


def revoked(told_after: timedelta | None) -> Chronicle:
    """The creator logs out on the fifth day, an hour before a run."""
    at = START + 5 * DAY
    told = {} if told_after is None else {at + told_after: alert("status", "revoked", at, "revoked (logged_out)")}
    return Chronicle(
        watches=[(run, (told[run],) if run in told else (), {"acc_1": NORA if run < at else REVOKED}) for run in RUNS],
        blows=[(at, Blow(at - DAY / 24, "1001", "logged_out", {"event": "logged_out"}), NORA)],
        deaths=[(at, NORA, Probe(REVOKED, serves_stories=False, serves_insights=False))],
        calls=100,
    )


def wrong(chronicle: Chronicle, *events: tuple[str, str, str | None]) -> list[str]:
    conn: Any = Events(("acc_1", "connected", None), *events)
    return [example for check in checks(chronicle, conn, NOBODY) for example in check.wrong]


def test_what_goes_well_is_not_found_wrong() -> None:
    assert wrong(ended()) == wrong(revoked(timedelta(0))) == []


@pytest.mark.parametrize("step", ["14", "7", "3", "1"])
def test_a_step_that_was_left_out_is_found(step: str) -> None:
    [found] = wrong(ended(without=step))
    assert f"step {step} told at None" in found


def test_steps_that_were_told_late_are_found() -> None:
    assert len(wrong(ended(late=DAY))) == 4


def test_a_step_that_was_told_twice_is_found() -> None:
    chronicle = ended()
    chronicle.watches[-1] = (RUNS[-1], (alert("data_access", "3", ENDS_AT),), {"acc_1": ENDED})
    assert any("2 times" in one for one in wrong(chronicle))


@pytest.mark.parametrize("told_after", [DAY / 2, None])
def test_an_end_that_is_told_a_run_too_late_or_never_is_found(told_after: timedelta | None) -> None:
    [found] = wrong(revoked(told_after))
    assert "logged_out at 10 Nov 20:00" in found


def test_a_death_that_the_api_denies_is_found() -> None:
    chronicle = revoked(timedelta(0))
    chronicle.deaths = [(START, NORA, Probe(REVOKED, serves_stories=True, serves_insights=True))]
    assert wrong(chronicle) == ["@nora (acc_1) is revoked (logged_out), the API serves stories and insights"]


def test_who_is_taken_to_live_and_is_dead_is_found() -> None:
    chronicle = revoked(timedelta(0))
    chronicle.at_the_end = [Probe(NORA, serves_stories=False, serves_insights=False)]
    assert wrong(chronicle) == ["@nora (acc_1) is connected (None), the API serves nothing"]


def test_a_token_that_nobody_renewed_in_time_is_found() -> None:
    lapsed = replace(NORA, status="expired", reason="token_expired")
    chronicle = revoked(timedelta(0))
    chronicle.deaths = [(ENDS_AT, NORA, Probe(lapsed, serves_stories=False, serves_insights=False))]
    assert wrong(chronicle) == ["@nora (acc_1) outlived a token that could be renewed, at 25 Nov 20:00"]


def test_a_call_for_an_ended_connection_is_found_and_a_status_without_a_reason() -> None:
    chronicle = revoked(timedelta(0))
    call = {"ig_user_id": "1001", "endpoint": "stories", "outcome": "error_190"}
    chronicle.take_calls(START + 6 * DAY, [call], {"1001": REVOKED})
    assert wrong(chronicle, ("acc_1", "revoked", None)) == [
        "acc_1: revoked (None)",
        "stories of @nora (acc_1) at 11 Nov 20:00",
    ]


def test_a_sign_in_that_brought_nobody_back_is_found() -> None:
    chronicle = revoked(timedelta(0))
    chronicle.sign_ins = [(START + 6 * DAY, "1001")]
    assert wrong(chronicle) == ["@nora (acc_1) is revoked (logged_out) after its sign-in at 11 Nov 20:00"]


def test_a_run_that_fails_without_trouble_is_found() -> None:
    chronicle = revoked(timedelta(0))
    chronicle.failures = [(START, "not one of 2 tokens could be inspected")]
    assert wrong(chronicle) == ["05 Nov 20:00: not one of 2 tokens could be inspected"]
