"""Every row of the error table, provoked through the sandbox: its class, its cost, its status and its message."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from storykeep.graph import retry
from storykeep.graph.errors import (
    RULES,
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RefusedError,
    RequestError,
    Rule,
    ThrottledError,
    TransientError,
    WithheldError,
)
from storykeep.landing.runs import Run
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.settings import FLAVOURS, Flavour, Settings

from .conftest import Crowd, Scene, answered, calls_by_account, some_accounts, staged

pytestmark = pytest.mark.integration

Key = tuple[int | None, int | None, str]


@dataclass(frozen=True)
class Row:
    """What a row of the table has to lead to.

    `attempts` is what one ask costs. `cause` and `status` (with its reason) are what a failed listing leaves with its
    account; `reading` is the status of the insights that land, and `cause_of_reading`, where it is another, the cause.
    """

    kind: type[GraphError]
    cause: str
    attempts: int = 1
    details: dict[str, Any] = field(default_factory=dict)
    status: tuple[str, str | None] = ("connected", None)
    reading: str | None = None
    cause_of_reading: str | None = "the same"


def throttled(scope: str) -> Row:
    return Row(ThrottledError, "throttled", details={"scope": scope})


def dead(status: str, reason: str) -> Row:
    return Row(ReconnectError, "token", details={"reason": reason}, status=(status, reason))


RETRIED = Row(TransientError, "api_unreachable", attempts=3)
OURS = Row(RequestError, "our_outage")
REFUSED = Row(RefusedError, "our_outage", reading="refused", cause_of_reading=None)
GONE = Row(GoneError, "permission", reading="refused", cause_of_reading=None)
FORBIDDEN = Row(PermissionMissingError, "permission", status=("needs_action", "missing_scope"), reading="refused")

EXPECTED: dict[Key, Row] = {
    (None, 2207086, ""): REFUSED,
    (1, None, ""): RETRIED,
    (2, None, ""): RETRIED,
    (3, None, ""): OURS,
    (4, None, ""): throttled("app"),
    (10, None, "not enough viewers"): Row(WithheldError, "our_outage", reading="withheld", cause_of_reading=None),
    (10, None, ""): FORBIDDEN,
    (17, None, ""): throttled("account"),
    (24, 2207006, ""): GONE,
    (32, None, ""): throttled("account"),
    (100, None, "appsecret_proof"): OURS,
    (100, 33, ""): GONE,
    (100, 2108006, ""): REFUSED,
    (100, None, ""): REFUSED,
    (102, None, ""): dead("revoked", "token_invalid"),
    (104, None, ""): OURS,
    (190, 458, ""): dead("revoked", "app_removed"),
    (190, 459, ""): dead("needs_action", "checkpointed"),
    (190, 460, ""): dead("revoked", "password_changed"),
    (190, 463, ""): dead("expired", "token_expired"),
    (190, 464, ""): dead("needs_action", "unconfirmed_user"),
    (190, 467, ""): dead("revoked", "logged_out"),
    (190, 492, ""): dead("needs_action", "page_role_lost"),
    (190, None, ""): dead("revoked", "token_invalid"),
    **{(code, None, ""): FORBIDDEN for code in range(200, 300)},
    (341, None, ""): throttled("app"),
    (368, None, ""): throttled("account"),
    (613, None, ""): throttled("account"),
    (803, None, ""): GONE,
    (2500, None, ""): OURS,
    (2635, None, ""): OURS,
    (80001, None, ""): throttled("account"),
    (80002, None, ""): throttled("account"),
}


def key_of(rule: Rule) -> Key:
    return rule.code, rule.subcode, rule.text


def name_of(rule: Rule) -> str:
    return "_".join(str(part) for part in key_of(rule) if part)


# Of the hundred rows of one kind the bounds and those known to occur; that all are there is another test's matter.
PROVOKED = [rule for rule in RULES if rule.code not in range(200, 300) or rule.code in (200, 210, 230, 283, 299)]
OF_ONE_ACCOUNT = [rule for rule in PROVOKED if rule.details.get("scope") != "app"]
# Several accounts at once of whom something is gone would be an incident of the platform, so each of those by itself.
TOGETHER = [
    [rule for rule in OF_ONE_ACCOUNT if rule.kind is not GoneError],
    *([rule] for rule in OF_ONE_ACCOUNT if rule.kind is GoneError),
]
ROWS = [pytest.param(place, rule, id=name_of(rule)) for place, rules in enumerate(TOGETHER) for rule in rules]
OF_THE_APP = [rule for rule in PROVOKED if rule.details.get("scope") == "app"]


def code_of(rule: Rule) -> int:
    """The code that a row is provoked with: where any will do, one that stands for something else alone."""
    return 10 if rule.code is None else rule.code


def fault(rule: Rule, said: str = "", **scope: Any) -> dict[str, Any]:
    """The fault that provokes a row; `said` stands in the message."""
    kind = f"error_{code_of(rule)}" + (f"_{rule.subcode}" if rule.subcode else "")
    message = f"(#{code_of(rule)}) {rule.text.capitalize()} {said}".strip()
    return {"kind": kind, "message": message, **scope}


def test_no_row_is_left_out_and_none_is_made_up() -> None:
    assert {key_of(rule) for rule in RULES} == EXPECTED.keys()
    assert len(RULES) == len(EXPECTED)
    assert [key_of(rule) for rule in RULES if rule.code in range(200, 300)] == [
        (code, None, "") for code in range(200, 300)
    ]


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("rule", PROVOKED, ids=name_of)
def test_each_row_has_its_class_its_cost_and_a_message_without_secrets(
    crowd: Crowd, flavour: Flavour, rule: Rule
) -> None:
    expected = EXPECTED[key_of(rule)]
    ask, other = crowd.asks(flavour, 2)
    token, secret = ask.token.get_secret_value(), crowd.running.app[flavour].secret
    said = f"at https://graph.example/?access_token={token}&a=b of {token} by {secret}"
    crowd.befall(fault(rule, said, ig_user_id=ask.pool))
    answer, fine = answered(crowd.client(flavour, concurrency=1), [ask, other])
    error = answer.error
    assert type(error) is expected.kind
    assert (error.code, error.subcode) == (code_of(rule), rule.subcode)
    assert expected.details.items() <= vars(error).items()
    assert crowd.calls().get(ask.pool) == expected.attempts
    assert str(error).startswith(f"(#{code_of(rule)})")
    assert "of *** by ***" in str(error)
    assert not [text for text in (str(error), repr(error), repr(answer)) if token in text or secret in text]
    alone = flavour == "instagram" and expected.details.get("scope") == "app"
    assert isinstance(fine.error, ThrottledError) if alone else fine.body


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("code", [0, 5, 11, 199, 300, 189, 191, 424242])
def test_a_code_beside_the_table_is_judged_by_its_status(crowd: Crowd, flavour: Flavour, code: int) -> None:
    [ask] = crowd.asks(flavour, 1)
    for status, kind, attempts in ((400, RequestError, 1), (429, ThrottledError, 1), (500, TransientError, 3)):
        crowd.befall({"kind": f"error_{code}", "status": status, "ig_user_id": ask.pool})
        [answer] = answered(crowd.client(flavour), [ask])
        assert type(answer.error) is kind
        assert crowd.calls() == {ask.pool: attempts}


@dataclass
class Ticked:
    """A tick in which each row befell the `endpoint` of an account of its own, by flavour and row; `well` had none."""

    scene: Scene
    run: Run
    victims: dict[tuple[Flavour, Key], str]
    well: set[str]
    log: Any
    lines: list[str]

    def of(self, ig_user_id: str, columns: str, table: str) -> list[tuple[Any, ...]]:
        return self.scene.all(
            f"select {columns} from {table} join app.accounts using (account_id) where ig_user_id = %s",  # noqa: S608 (fixed names)
            ig_user_id,
        )

    def causes(self, ig_user_id: str) -> set[str]:
        username = self.scene.one("select username from app.accounts where ig_user_id = %s", ig_user_id)
        return {str(cause) for cause, who in self.run.causes.items() if username in who}


class Lines(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def ticks(
    crowded: Crowd, new_warehouse: Callable[[], Settings], postgres: EmbeddedPostgres
) -> Iterator[Callable[[str, int], Ticked]]:
    """Makes the tick of an endpoint and of a group of TOGETHER, once."""
    with ExitStack() as stack:

        @cache
        def make(endpoint: str, place: int) -> Ticked:
            return stack.enter_context(ticked(endpoint, place, crowded, new_warehouse(), postgres))

        yield make


@contextmanager
def ticked(
    endpoint: str, place: int, crowded: Crowd, settings: Settings, postgres: EmbeddedPostgres
) -> Iterator[Ticked]:
    rules = {key_of(rule): rule for rule in TOGETHER[place]}
    lively = {flavour: crowded.lively(flavour) for flavour in FLAVOURS}
    victims = {(flavour, key): lively[flavour][n] for flavour in FLAVOURS for n, key in enumerate(rules)}
    well = {who for flavour in FLAVOURS for who in lively[flavour][-3:]}
    assert not well & set(victims.values())
    accounts = some_accounts(crowded.text, lambda row: row["ig_user_id"] in {*victims.values(), *well})
    handler = Lines()
    with pytest.MonkeyPatch.context() as patch, staged(crowded.running, settings, postgres, accounts) as scene:
        patch.setattr(retry, "FIRST_WAIT", 0.0)
        logging.getLogger("storykeep").addHandler(handler)
        scene.control(
            "POST",
            "faults",
            [fault(rules[key], ig_user_id=who, endpoint=endpoint) for (_, key), who in victims.items()],
        )
        try:
            run = scene.tick()
        finally:
            logging.getLogger("storykeep").removeHandler(handler)
        yield Ticked(scene, run, victims, well, scene.control("GET", "log"), handler.lines)


@pytest.mark.parametrize(("place", "rule"), ROWS)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_failed_listing_leaves_the_account_in_the_status_of_its_row(
    ticks: Callable[[str, int], Ticked], flavour: Flavour, place: int, rule: Rule
) -> None:
    ticked = ticks("stories", place)
    expected, victim = EXPECTED[key_of(rule)], ticked.victims[flavour, key_of(rule)]
    assert ticked.of(victim, "status, reason", "app.connections") == [expected.status]
    assert ticked.of(victim, "status, cause, error_code, error_subcode", "raw.story_listings") == [
        ("failed", expected.cause, code_of(rule), rule.subcode)
    ]
    assert ticked.causes(victim) == {expected.cause}
    pages = 2 if rule.code == 1 else 1  # what may have been too much is asked again with fewer rows
    assert calls_by_account(ticked.log, "stories")[victim] == pages * expected.attempts
    username = ticked.scene.one("select username from app.accounts where ig_user_id = %s", victim)
    assert [line for line in ticked.lines if line.startswith(f"@{username}: (#{code_of(rule)})")]


@pytest.mark.parametrize(("place", "rule"), ROWS)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_failed_reading_leaves_the_stories_in_the_status_of_their_row(
    ticks: Callable[[str, int], Ticked], flavour: Flavour, place: int, rule: Rule
) -> None:
    ticked = ticks("insights", place)
    expected, victim = EXPECTED[key_of(rule)], ticked.victims[flavour, key_of(rule)]
    cause = expected.cause if expected.cause_of_reading == "the same" else expected.cause_of_reading
    assert ticked.causes(victim) == ({cause} if cause else set())
    landed = set(ticked.of(victim, "status, error_code", "raw.story_insights"))
    assert landed == ({(expected.reading, code_of(rule))} if expected.reading else set())
    status = ("connected_no_insights", "missing_scope") if expected is FORBIDDEN else expected.status
    assert ticked.of(victim, "status, reason", "app.connections") == [status]
    clocks = ticked.of(victim, "tried_at is null, read_at is null, is_refused", "app.story_clock")
    answered = expected.kind in (WithheldError, RefusedError, GoneError)
    assert set(clocks) == {(not answered, expected.kind is not WithheldError, rule.subcode == 2108006)}


@pytest.mark.parametrize("endpoint", ["stories", "insights"])
def test_the_throttled_pools_are_blocked_and_no_others(ticks: Callable[[str, int], Ticked], endpoint: str) -> None:
    ticked = ticks(endpoint, 0)
    throttled = {victim for (_, key), victim in ticked.victims.items() if EXPECTED[key].kind is ThrottledError}
    assert blocked_pools(ticked.scene) == throttled


def blocked_pools(scene: Scene) -> set[str]:
    return {pool for (pool,) in scene.all("select pool from app.api_pools where blocked_until > %s", scene.now)}


@pytest.mark.parametrize("place", range(len(TOGETHER)))
@pytest.mark.parametrize("endpoint", ["stories", "insights"])
def test_the_accounts_without_a_fault_are_captured_whole(
    ticks: Callable[[str, int], Ticked], endpoint: str, place: int
) -> None:
    ticked = ticks(endpoint, place)
    for ig_user_id in ticked.well:
        assert ticked.of(ig_user_id, "status", "raw.story_listings") == [("ok",)]
        assert ticked.of(ig_user_id, "status", "raw.story_insights")
        assert ticked.causes(ig_user_id) == set()


@pytest.mark.parametrize("rule", OF_THE_APP, ids=name_of)
def test_a_throttled_app_is_blocked_for_all_its_accounts_and_ends_no_connection(
    crowd: Crowd, warehouse: Settings, postgres: EmbeddedPostgres, rule: Rule
) -> None:
    few = {row["ig_user_id"] for flavour in FLAVOURS for row in crowd.accounts(flavour)[:6]}
    accounts = some_accounts(crowd.text, lambda row: row["ig_user_id"] in few)
    with staged(crowd.running, warehouse, postgres, accounts) as scene:
        scene.control("POST", "faults", [fault(rule, endpoint="stories")])
        run = scene.tick()
        assert {str(cause): len(who) for cause, who in run.causes.items()} == {"throttled": len(few)}
        assert scene.all("select distinct status from app.connections") == [("connected",)]
        assert blocked_pools(scene) == {f"app:{flavour}" for flavour in FLAVOURS}
        assert scene.all("select distinct status, cause from raw.story_listings") == [("failed", "throttled")]
