"""Random lives of two connections over a real Postgres: whatever the API answers, what is promised of them holds."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from pydantic import SecretStr
from tests.integration.accounts.meta import CLIENTS, DAY, NOW, Meta, bring
from tests.transitions import is_legal

from storykeep.accounts import pools
from storykeep.accounts.alerts import LADDER, Alert, Key, tell
from storykeep.accounts.connections import INSIGHTS_SCOPE, READ_SCOPE, Held, held, react
from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.health import check_tokens
from storykeep.accounts.registry import account_id_of, capturable
from storykeep.accounts.states import AFTER_REFUSAL, CAPTURED, CONDITIONS, FINAL, TROUBLE, Reason, State
from storykeep.accounts.vault import Vault
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph.errors import GraphError, PermissionMissingError, ReconnectError, ThrottledError, TransientError
from storykeep.graph.tokens import NewToken, TokenFacts
from storykeep.settings import Flavour

FLAVOURS: tuple[Flavour, ...] = ("facebook", "instagram")
LIFE = 60 * DAY
OWNERS = st.sampled_from(FLAVOURS)
# The end of a role shows only when something is read, the others when the token is inspected too.
SHOWN = st.sampled_from(sorted(set(AFTER_REFUSAL) - {Reason.PAGE_ROLE_LOST, Reason.TOKEN_EXPIRED}))
TROUBLES = st.sampled_from(
    [TransientError("busy"), ThrottledError("too much", scope="app"), ThrottledError("too much", scope="account")]
)


@dataclass(frozen=True)
class Token:
    """What is true of a token at Meta. `refusal` made an end of it; `role_lost` is only seen by who reads."""

    text: str
    flavour: Flavour
    issued_at: datetime
    ends_at: datetime
    access_ends_at: datetime | None
    scopes: frozenset[str]
    refusal: Reason | None = None
    role_lost: bool = False

    def death(self, now: datetime) -> Reason | None:
        """Why an inspection calls it dead."""
        return self.refusal or (Reason.TOKEN_EXPIRED if now >= self.ends_at else None)

    def facts(self, now: datetime) -> TokenFacts:
        """What an inspection brings: clocks and scopes on facebook only."""
        if death := self.death(now):
            return TokenFacts(False, reason=death.value)
        if self.flavour == "instagram":
            return TokenFacts(True)
        return TokenFacts(True, self.ends_at, self.access_ends_at, self.issued_at, tuple(self.scopes))

    def refused(self, now: datetime) -> GraphError | None:
        """What a capture is answered, None if it gets everything."""
        if death := self.death(now) or (Reason.PAGE_ROLE_LOST if self.role_lost else None):
            return ReconnectError("no", reason=death.value)
        read, insights = READ_SCOPE[self.flavour], INSIGHTS_SCOPE[self.flavour]
        has_access = self.access_ends_at is None or now < self.access_ends_at
        missing = next((scope for scope in (read, insights) if scope not in self.scopes or not has_access), None)
        return PermissionMissingError("no", scope=missing) if missing else None


class Lives(RuleBasedStateMachine):
    """A facebook and an instagram connection, the API as it truly is, and what was seen of it."""

    lives = 0

    def __init__(self, conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
        super().__init__()
        Lives.lives += 1
        self.conn, self.vault, self.meta = conn, vault, meta
        self.now = NOW + Lives.lives * 500 * DAY  # after all that the lives before left behind in the database
        self.owners = {flavour: f"{Lives.lives}00{place}" for place, flavour in enumerate(FLAVOURS)}
        self.truth: dict[str, Token] = {}
        self.seen_dead: set[str] = set()
        self.met_role_lost: set[str] = set()
        self.heard: Counter[Key] = Counter()
        self.heard_of: Counter[tuple[str, str]] = Counter()

    @initialize()
    def connect_both(self) -> None:
        for flavour in FLAVOURS:
            self.sign_in(flavour)

    @rule(wait=st.sampled_from([DAY / 24, DAY, 3 * DAY, 10 * DAY]))
    def time_passes(self, wait: timedelta) -> None:
        self.now += wait

    @rule(flavour=OWNERS, reason=SHOWN)
    def the_token_dies(self, flavour: Flavour, reason: Reason) -> None:
        self._becomes(flavour, refusal=reason)

    @rule()
    def the_page_role_is_lost(self) -> None:
        self._becomes("facebook", role_lost=True)
        self.capture_runs()

    @rule(flavour=OWNERS, keeps_reading=st.booleans())
    def a_scope_is_withdrawn(self, flavour: Flavour, keeps_reading: bool) -> None:
        kept = {READ_SCOPE[flavour]} if keeps_reading else {INSIGHTS_SCOPE[flavour]}
        self._becomes(flavour, scopes=self.truth[flavour].scopes & kept)

    @rule(flavour=OWNERS)
    def sign_in(self, flavour: Flavour) -> None:
        number = len(self.meta.facts)
        self.truth[flavour] = Token(
            text=f"tok-{Lives.lives}-{number}",
            flavour=flavour,
            issued_at=self.now,
            ends_at=self.now + LIFE,
            access_ends_at=self.now + 90 * DAY if flavour == "facebook" else None,
            scopes=frozenset({READ_SCOPE[flavour], INSIGHTS_SCOPE[flavour]}),
        )
        self.meta.facts[self.truth[flavour].text] = self.truth[flavour].facts(self.now)
        self._bring(flavour)
        assert self._stands(flavour).state is State.CONNECTED

    @rule(flavour=OWNERS)
    def the_same_file_is_imported_again(self, flavour: Flavour) -> None:
        before = self._stands(flavour)
        if self.truth[flavour].issued_at == before.connected_at:  # else it was renewed since, and is another one
            self._bring(flavour)
            assert self._stands(flavour) == before

    @rule(flavour=OWNERS)
    def goodbye(self, flavour: Flavour) -> None:
        disconnect(self.conn, self._name(flavour), self.now)

    @rule(trouble=st.none() | TROUBLES, renews=st.booleans())
    def the_watch_runs(self, trouble: GraphError | None, renews: bool) -> None:
        """The next run of the DAG."""
        self.now += DAY / 24
        ahead = {flavour: self._answers(token, trouble, renews) for flavour, token in self.truth.items()}
        self.meta.inspected.clear()
        self.meta.renewed.clear()
        try:
            alerts = check_tokens(self.conn, self.vault, CLIENTS, fixed_clock(self.now))
        except StorykeepError:
            assert trouble, "only an API in trouble keeps every token from being inspected"
            alerts = []
        tell(self.conn, alerts, self.now)
        self.heard.update(alert.key for alert in alerts)
        roots = {account_id: self.truth[flavour].text.rstrip("'") for flavour, account_id in self._mine().items()}
        self.heard_of.update((roots[one.account_id], one.reason) for one in alerts if one.subject == "status")
        assert not self.seen_dead & {*self.meta.inspected, *self.meta.renewed}
        for flavour, new in ahead.items():
            if self.truth[flavour].text in self.meta.renewed and trouble is None and renews:
                self.truth[flavour] = new
        if trouble is None:
            self._agrees_with_the_truth(alerts)

    @rule()
    def capture_runs(self) -> None:
        connections, _ = capturable(self.conn, self.vault, shard=0, shards=1)
        for flavour, account_id in self._mine().items():
            for connection in (one for one in connections if one.account_id == account_id):
                token = self.truth[flavour]
                assert connection.token.get_secret_value() == token.text, "a new token is lost"
                assert token.text not in self.seen_dead
                error = token.refused(self.now)
                insights = isinstance(error, PermissionMissingError) and error.scope == INSIGHTS_SCOPE[flavour]
                if error is not None and (connection.can_read_insights or not insights):
                    known = self._stands(flavour).scopes or ()
                    react(self.conn, account_id, error, self.now)
                    self.met_role_lost |= {token.text} if token.role_lost else set()
                    # While the token is known to hold the permission, the refusal is about one story.
                    is_of_one_story = insights and INSIGHTS_SCOPE[flavour] in known
                    assert is_of_one_story or self._stands(flavour).state in TROUBLE, f"{error!r} changes nothing"
        self.conn.commit()

    @invariant()
    def every_step_was_legal_and_has_words(self) -> None:
        known = {(one.state, one.reason) for one in CONDITIONS}
        for flavour, account_id in self._mine().items():
            before: State | None = None
            for kind, status, reason in self._events(account_id):
                assert is_legal(before, kind, State(status)), f"{before} to {status} by {kind}"
                assert (State(status), Reason(reason) if reason else None) in known
                assert reason or State(status) not in TROUBLE
                before = State(status)
            stands = self._stands(flavour)
            assert before is stands.state, "each change of status is an event"
            if stands.state in FINAL:
                self.seen_dead.add(self.truth[flavour].text)

    @invariant()
    def nothing_was_told_twice(self) -> None:
        assert set(self.heard.values()) <= {1}
        assert set(self.heard_of.values()) <= {1}, "what capture and inspection see differently takes no turns"

    def teardown(self) -> None:
        """The next life has the database to itself."""
        self.conn.rollback()
        for flavour in FLAVOURS:
            if flavour in self.truth:
                disconnect(self.conn, self._name(flavour), self.now)

    def _agrees_with_the_truth(self, alerts: list[Alert]) -> None:
        """After a run that the API answered: states are true, and people were told what they are to be told."""
        for flavour, account_id in self._mine().items():
            stands, token = self._stands(flavour), self.truth[flavour]
            if pools.standing(self.conn, pools.pools_of(stands.ig_user_id, flavour), self.now).blocked:
                continue
            if stands.state is State.DISCONNECTED:
                assert not [alert for alert in alerts if alert.account_id == account_id]
                continue
            if stands.state in FINAL:
                assert token.death(self.now), "it ended although its token lives"
            elif death := token.death(self.now):
                assert (stands.state, stands.why) == (AFTER_REFUSAL[death], death)
            elif token.refused(self.now) is None:
                assert stands.state in CAPTURED
            elif token.text in self.met_role_lost:
                assert stands.state in TROUBLE, "an inspection, which does not see it, has healed it"
            if stands.state in TROUBLE:
                assert self.heard[(account_id, "status", stands.status, stands.status_since)] == 1
            if stands.state in CAPTURED:
                self._was_told(account_id, "token", stands.token_expires_at)
                self._was_told(account_id, "data_access", stands.data_access_expires_at)

    def _was_told(self, account_id: str, subject: str, ends_at: datetime | None) -> None:
        step = next((one for one in LADDER if ends_at and ends_at - self.now <= one * DAY), None)
        assert step is None or self.heard[(account_id, subject, str(step), ends_at)] == 1  # type: ignore[index]

    def _answers(self, token: Token, trouble: GraphError | None, renews: bool) -> Token:
        """Let the API answer for a token in the coming run; returns the one that a renewal would bring."""
        new = replace(token, text=f"{token.text}'", issued_at=self.now, ends_at=self.now + LIFE)
        refusal = token.refused(self.now) if isinstance(token.refused(self.now), ReconnectError) else None
        self.meta.facts[token.text] = trouble or token.facts(self.now)
        self.meta.facts[new.text] = trouble or new.facts(self.now)
        self.meta.renewals[token.text] = (
            NewToken(SecretStr(new.text), new.ends_at) if renews else refusal or TransientError("later")
        )
        return new

    def _becomes(self, flavour: Flavour, **changes: object) -> None:
        if not self.truth[flavour].death(self.now):
            self.truth[flavour] = replace(self.truth[flavour], **changes)  # type: ignore[arg-type]

    def _bring(self, flavour: Flavour) -> None:
        token = self.truth[flavour].text
        row = f"{flavour},{self.owners[flavour]},{self._name(flavour)},{token},,,,"
        bring(self.conn, self.vault, row, now=self.now)

    def _name(self, flavour: Flavour) -> str:
        return f"{flavour}{Lives.lives}"

    def _mine(self) -> dict[Flavour, str]:
        return {flavour: account_id_of(ig_user_id) for flavour, ig_user_id in self.owners.items()}

    def _stands(self, flavour: Flavour) -> Held:
        (one,) = held(self.conn, account_id_of(self.owners[flavour]))
        return one

    def _events(self, account_id: str) -> list[tuple[str, str, str | None]]:
        query = "select kind, status, reason from app.connection_events where account_id = %s order by event_id"
        return self.conn.execute(query, [account_id]).fetchall()


def test_whatever_befalls_a_connection_its_steps_are_legal_told_once_and_true(
    conn: psycopg.Connection, vault: Vault, meta: Meta
) -> None:
    run_state_machine_as_test(
        lambda: Lives(conn, vault, meta), settings=settings(max_examples=25, stateful_step_count=40, deadline=None)
    )
