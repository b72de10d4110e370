"""Whatever the API answers, in whatever order: a verdict is a legal step with words, and steps are told once."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.transitions import BY_ANSWER

from storykeep.accounts.alerts import LADDER, Key, due
from storykeep.accounts.connections import INSIGHTS_SCOPE, READ_SCOPE, Held
from storykeep.accounts.states import AFTER_REFUSAL, CAPTURED, CONDITIONS, FINAL, TROUBLE, State, condition
from storykeep.accounts.verdict import judge, learned
from storykeep.graph.tokens import TokenFacts
from storykeep.settings import FLAVOURS, Flavour

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)

TIMES = st.none() | st.integers(-20, 70).map(lambda days: NOW + days * DAY)
# What a connection can stand at when its token is asked about.
STANDING = st.sampled_from([one for one in CONDITIONS if one.state not in FINAL and BY_ANSWER[one.state]])


@st.composite
def connections(draw: st.DrawFn) -> Held:
    flavour: Flavour = draw(st.sampled_from(FLAVOURS))
    stands = draw(STANDING)
    return Held(
        account_id="acc_1",
        ig_user_id="1784",
        username="nora",
        login_flavour=flavour,
        token_encrypted=b"locked",
        scopes=draw(st.none() | scopes(flavour)),
        status=stands.state.value,
        reason=stands.reason.value if stands.reason else None,
        status_since=NOW - DAY,
        connected_at=NOW - 30 * DAY,
        token_issued_at=draw(TIMES),
        token_expires_at=draw(TIMES),
        data_access_expires_at=draw(TIMES),
    )


def scopes(flavour: Flavour) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([READ_SCOPE[flavour], INSIGHTS_SCOPE[flavour], "pages_show_list"]), unique=True)


@st.composite
def living(draw: st.DrawFn, flavour: Flavour) -> TokenFacts:
    return TokenFacts(True, draw(TIMES), draw(TIMES), draw(TIMES), tuple(draw(scopes(flavour))))


@given(connections(), st.data())
def test_a_living_token_is_judged_with_words_and_never_as_ended_by_itself(before: Held, data: st.DataObject) -> None:
    after = learned(before, data.draw(living(before.login_flavour)), NOW)
    state, reason = judge(before, after, NOW)
    assert condition(state, reason)
    assert state not in FINAL
    assert (state, reason) == (before.state, before.why) or state in BY_ANSWER[before.state]
    assert (reason is None) == (state is State.CONNECTED)


@given(connections(), st.data())
def test_a_verdict_is_found_again_from_the_same_answer(before: Held, data: st.DataObject) -> None:
    """Otherwise two states would take turns from one run to the next, and each turn would be told."""
    facts = data.draw(living(before.login_flavour))
    first = learned(before, facts, NOW)
    state, reason = judge(before, first, NOW)
    told = replace(first, status=state.value, reason=reason.value if reason else None)
    again = learned(told, facts, NOW)
    second = judge(told, again, NOW)
    assert second == (state, reason)


def test_every_refusal_of_a_token_is_a_legal_end_with_words() -> None:
    for reason, state in AFTER_REFUSAL.items():
        assert condition(state, reason)
        assert state in TROUBLE
        assert all(state in BY_ANSWER[before] for before in CAPTURED)


@given(st.lists(st.timedeltas(timedelta(minutes=1), 3 * DAY), min_size=1, max_size=120), st.integers(1, 40))
def test_each_step_that_a_run_finds_is_told_once_and_in_its_order(waits: list[timedelta], days: int) -> None:
    ends_at, at = NOW + days * DAY, NOW
    told: set[Key] = set()
    heard: list[str] = []
    met: list[str] = []
    for wait in waits:
        held = _well(ends_at)
        alerts = due([held], at, told)
        heard += [alert.step for alert in alerts]
        told |= {alert.key for alert in alerts}
        step = next((str(step) for step in LADDER if ends_at - at <= timedelta(days=step)), None)
        met += [step] if step and step not in met else []
        at += wait
    assert heard == met
    assert all(times == 1 for times in Counter(heard).values())


def _well(data_access_expires_at: datetime) -> Held:
    return Held(
        account_id="acc_1",
        ig_user_id="1784",
        username="nora",
        login_flavour="facebook",
        token_encrypted=b"locked",
        scopes=[READ_SCOPE["facebook"], INSIGHTS_SCOPE["facebook"]],
        status="connected",
        reason=None,
        status_since=NOW - DAY,
        connected_at=NOW - 30 * DAY,
        token_issued_at=None,
        token_expires_at=None,
        data_access_expires_at=data_access_expires_at,
    )
