"""A stand-in for the API that a test can turn in every direction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
from pydantic import SecretStr

from storykeep.accounts.alerts import Alert, tell
from storykeep.accounts.connections import held
from storykeep.accounts.health import check_tokens
from storykeep.accounts.registry import import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.vault import Vault
from storykeep.clock import fixed_clock
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import GraphError
from storykeep.graph.tokens import NewToken, TokenFacts
from storykeep.graph.usage import Usage
from storykeep.settings import FLAVOURS

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CLIENTS: Any = {
    flavour: SimpleNamespace(
        api=SimpleNamespace(
            flavour=flavour, base_url=f"http://{flavour}.test", app_id="111", app_secret=SecretStr("secret")
        ),
        answer=None,
    )
    for flavour in FLAVOURS
}
SCOPES = ("instagram_basic", "instagram_manage_insights")


@dataclass
class Meta:
    """What the API knows: facts per token, with a GraphError where there are none; `usage` comes with each answer."""

    facts: dict[str, TokenFacts | GraphError] = field(default_factory=dict)
    renewals: dict[str, NewToken | GraphError] = field(default_factory=dict)
    inspected: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    usage: Usage | None = None

    def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
        self.inspected += [asked_about(ask) for ask in asks]
        yield [self._answer(ask, self.facts[asked_about(ask)]) for ask in asks]

    def _answer(self, ask: Ask, facts: TokenFacts | GraphError) -> Answer:
        error = facts if isinstance(facts, GraphError) else None
        return Answer(ask, None if error else {}, error, b"", None, self.usage)

    def facts_of(self, answer: Answer) -> TokenFacts:
        return good(answer.error or self.facts[asked_about(answer.ask)])

    def renew(self, client: Any, token: SecretStr, now: datetime) -> NewToken:
        self.renewed.append(token.get_secret_value())
        return good(self.renewals[token.get_secret_value()])


def good(answer: Any) -> Any:
    if isinstance(answer, GraphError):
        raise answer
    return answer


def asked_about(ask: Ask) -> str:
    return (ask.about or ask.token).get_secret_value()


def bring(conn: psycopg.Connection, vault: Vault, *rows: str, now: datetime = NOW - 30 * DAY) -> None:
    result = import_accounts(conn, vault, "\n".join([",".join(COLUMNS), *rows]), now)
    assert result.faults == ()


def facts(token_left: timedelta = 40 * DAY, access_left: timedelta = 60 * DAY, scopes: Any = SCOPES) -> TokenFacts:
    return TokenFacts(True, NOW + token_left, NOW + access_left, NOW - 20 * DAY, scopes, "9001")


def watch(conn: psycopg.Connection, vault: Vault, at: datetime = NOW) -> list[Alert]:
    """One run of the DAG: check, and tell what is to be told."""
    alerts = check_tokens(conn, vault, CLIENTS, fixed_clock(at))
    tell(conn, alerts, at)
    return alerts


def told(alerts: list[Alert]) -> list[tuple[str, str, str]]:
    return [(alert.username, alert.subject, alert.step) for alert in alerts]


def state(conn: psycopg.Connection, username: str = "nora") -> tuple[str, str | None]:
    (one,) = (one for one in held(conn) if one.username == username)
    return one.status, one.reason


NORA = "facebook,1001,nora,tok-nora,,,,"
OMAR = "instagram,1002,omar,tok-omar,,,,"
LENA = "facebook,1003,lena,tok-lena,,,,"
