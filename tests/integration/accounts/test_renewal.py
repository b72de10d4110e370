"""A renewed token has to work before the one before it goes, and inspections keep to the rate limits."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from storykeep.accounts import pools
from storykeep.accounts.connections import held, react
from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.registry import account_id_of, capturable
from storykeep.accounts.rotation import rotate
from storykeep.accounts.vault import Vault
from storykeep.graph import tokens
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import ReconnectError, TransientError
from storykeep.graph.tokens import NewToken, TokenFacts
from storykeep.graph.usage import Pool, Usage
from storykeep.settings import Settings
from storykeep.warehouse import connect

from .meta import CLIENTS, DAY, LENA, NORA, NOW, OMAR, Meta, asked_about, bring, facts, state, told, watch

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)
DEAD = TokenFacts(False, reason="token_invalid")
REFUSED = ReconnectError("dead", reason="token_invalid")


@pytest.fixture
def due(conn: psycopg.Connection, vault: Vault, meta: Meta) -> Meta:
    """An API that renews the token of the one connection, which is about to end."""
    bring(conn, vault, NORA)
    meta.facts |= {"tok-nora": facts(token_left=5 * DAY), "tok-new": facts(token_left=60 * DAY)}
    meta.renewals["tok-nora"] = NewToken(SecretStr("tok-new"), NOW + 60 * DAY)
    return meta


def in_use(conn: psycopg.Connection, vault: Vault) -> str:
    (connection,), _ = capturable(conn, vault, shard=0, shards=1)
    return connection.token.get_secret_value()


def kinds(conn: psycopg.Connection) -> list[str]:
    return [kind for (kind,) in conn.execute("select kind from app.connection_events order by event_id")]


def test_a_new_token_that_is_refused_gives_way_to_the_old_one(
    conn: psycopg.Connection, vault: Vault, due: Meta
) -> None:
    due.facts["tok-new"] = DEAD
    assert told(watch(conn, vault)) == [("nora", "token", "7")]
    assert (due.inspected, due.renewed) == (["tok-nora", "tok-new", "tok-nora"], ["tok-nora"])
    conn.rollback()
    assert in_use(conn, vault) == "tok-nora"
    (nora,) = held(conn)
    assert (nora.token_version, nora.previous_token_encrypted, nora.token_expires_at) == (3, None, NOW + 5 * DAY)
    assert kinds(conn) == ["connected", "renewed", "renewal_undone", "status_changed"]
    assert state(conn) == ("expiring", "token_expiring")


def test_the_old_token_is_kept_until_an_inspection_finds_the_new_one_good(
    conn: psycopg.Connection, vault: Vault, due: Meta
) -> None:
    due.facts["tok-new"] = TransientError("busy")
    watch(conn, vault)
    (nora,) = held(conn)
    assert (in_use(conn, vault), nora.token_version) == ("tok-new", 2)
    assert vault.unlock(nora.previous_token_encrypted or b"").get_secret_value() == "tok-nora"
    due.facts["tok-new"] = facts(token_left=60 * DAY)
    watch(conn, vault, NOW + MINUTE)
    assert held(conn)[0].previous_token_encrypted is None
    assert (due.inspected, due.renewed) == (["tok-nora", "tok-new", "tok-new"], ["tok-nora"])


def test_the_new_token_is_committed_before_it_is_used(
    conn: psycopg.Connection, vault: Vault, due: Meta, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, int] = {}

    def answer(asks: Sequence[Ask]) -> Iterator[list[Answer]]:
        with connect(warehouse.warehouse, "storykeep_ingest") as other:
            ((version,),) = other.execute("select token_version from app.connections").fetchall()
        seen.update({asked_about(ask): version for ask in asks})
        return due.answer(asks)

    monkeypatch.setattr(CLIENTS["facebook"], "answer", answer)
    watch(conn, vault)
    assert seen == {"tok-nora": 1, "tok-new": 2}


def test_when_both_tokens_are_dead_the_connection_ends_once_and_neither_is_tried_again(
    conn: psycopg.Connection, vault: Vault, due: Meta
) -> None:
    due.facts["tok-new"] = TransientError("busy")
    watch(conn, vault)
    due.facts |= dict.fromkeys(("tok-nora", "tok-new"), TokenFacts(False, reason="password_changed"))
    assert told(watch(conn, vault, NOW + DAY)) == [("nora", "status", "revoked")]
    assert state(conn) == ("revoked", "password_changed")
    asked = list(due.inspected)
    assert asked == ["tok-nora", "tok-new", "tok-new", "tok-nora"]
    watch(conn, vault, NOW + 2 * DAY)
    assert due.inspected == asked


def test_capture_too_falls_back_once_and_the_second_refusal_ends_the_connection(
    conn: psycopg.Connection, vault: Vault, due: Meta
) -> None:
    due.facts["tok-new"] = TransientError("busy")
    watch(conn, vault)
    nora = account_id_of("1001")
    assert not react(conn, nora, REFUSED, NOW, used=1), "a late answer to the old token"
    assert in_use(conn, vault) == "tok-new"
    assert not react(conn, nora, REFUSED, NOW, used=2)
    assert (in_use(conn, vault), state(conn)) == ("tok-nora", ("connected", None))
    assert not react(conn, nora, REFUSED, NOW, used=2), "another answer to the token that is gone"
    assert react(conn, nora, REFUSED, NOW + MINUTE, used=3)
    assert state(conn) == ("revoked", "token_invalid")


def test_a_token_that_was_returned_to_is_inspected_at_the_next_turn(
    conn: psycopg.Connection, vault: Vault, due: Meta
) -> None:
    due.facts["tok-new"] = TransientError("busy")
    watch(conn, vault)
    react(conn, account_id_of("1001"), REFUSED, NOW, used=2)
    due.renewals["tok-nora"] = NewToken(SecretStr("tok-newer"), NOW + 60 * DAY)
    due.facts["tok-newer"] = facts(token_left=60 * DAY)
    watch(conn, vault, NOW + MINUTE)
    assert (in_use(conn, vault), held(conn)[0].token_version) == ("tok-newer", 4)


def test_a_renewal_during_which_the_keys_are_rotated_leaves_no_token_under_the_old_key(
    conn: psycopg.Connection, vault: Vault, due: Meta, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = SecretStr(Fernet.generate_key().decode())
    both = Vault([new, *warehouse.token_keys])
    due.facts["tok-new"] = TransientError("busy")
    done: list[int] = []

    def renew(*args: Any) -> NewToken:
        with connect(warehouse.warehouse, "storykeep_ingest") as other:
            done.append(rotate(other, both).tokens)
        return due.renew(*args)

    monkeypatch.setattr(tokens, "exchange_facebook", renew)
    watch(conn, both)
    assert done == [1]
    (nora,) = held(conn)
    locked = [nora.token_encrypted or b"", nora.previous_token_encrypted or b""]
    assert [Vault([new]).unlock(one).get_secret_value() for one in locked] == ["tok-new", "tok-nora"]


@pytest.mark.parametrize("answer", [DEAD, facts(token_left=60 * DAY)])
def test_a_reconnect_while_the_new_token_is_inspected_wins(
    conn: psycopg.Connection, vault: Vault, due: Meta, answer: TokenFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    due.facts["tok-new"] = answer
    answered = due.facts_of

    def reconnect(one: Any) -> TokenFacts:
        if due.inspected[-1] == "tok-new":
            bring(conn, vault, NORA.replace("tok-nora", "tok-again"), now=NOW)
        return answered(one)

    monkeypatch.setattr(tokens, "facts_of", reconnect)
    assert watch(conn, vault) == []
    (nora,) = held(conn)
    assert (in_use(conn, vault), nora.token_version, nora.previous_token_encrypted) == ("tok-again", 3, None)
    assert state(conn) == ("connected", None)


def test_a_reconnect_while_the_old_token_is_renewed_wins(
    conn: psycopg.Connection, vault: Vault, due: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reconnect(*args: Any) -> NewToken:
        bring(conn, vault, NORA.replace("tok-nora", "tok-again"), now=NOW)
        return due.renew(*args)

    monkeypatch.setattr(tokens, "exchange_facebook", reconnect)
    watch(conn, vault)
    (nora,) = held(conn)
    assert (in_use(conn, vault), nora.token_version, nora.previous_token_encrypted) == ("tok-again", 2, None)
    assert nora.scopes is None, "what was learned of the old token is not written to the new one"


def test_a_goodbye_forgets_the_old_token_too(conn: psycopg.Connection, vault: Vault, due: Meta) -> None:
    due.facts["tok-new"] = TransientError("busy")
    watch(conn, vault)
    disconnect(conn, "nora", NOW)
    kept = conn.execute("select token_encrypted, previous_token_encrypted from app.connections").fetchone()
    assert kept == (None, None)
    assert not react(conn, account_id_of("1001"), REFUSED, NOW, used=2)


def test_what_was_inspected_within_the_hour_is_not_asked_again(
    conn: psycopg.Connection, vault: Vault, meta: Meta
) -> None:
    bring(conn, vault, NORA, LENA)
    meta.facts |= {"tok-nora": facts(), "tok-lena": facts(scopes=("instagram_basic",))}
    watch(conn, vault)
    watch(conn, vault, NOW + 54 * MINUTE)
    assert sorted(meta.inspected) == ["tok-lena", "tok-lena", "tok-nora"], "trouble may be over at any time"
    watch(conn, vault, NOW + 55 * MINUTE)
    assert sorted(meta.inspected[3:]) == ["tok-lena", "tok-nora"]


@pytest.mark.parametrize("percent", [94, 95])
def test_inspections_leave_the_last_of_a_rate_limit_to_the_sweeps(
    conn: psycopg.Connection, vault: Vault, meta: Meta, percent: int
) -> None:
    bring(conn, vault, OMAR, *(f"facebook,2{n:03},fan{n},tok-{n},,,," for n in range(60)))
    meta.facts |= {f"tok-{n}": facts() for n in range(60)} | {"tok-omar": TokenFacts(True)}
    meta.renewals["tok-omar"] = TransientError("later")
    meta.usage = Usage(Pool(percent))
    watch(conn, vault)
    assert len(meta.inspected) - 1 == (60 if percent == 94 else 50)
    assert "tok-omar" in meta.inspected, "another app's limit"
    assert conn.execute("select pool, usage_percent, blocked_until from app.api_pools order by pool").fetchall() == [
        ("app:facebook", percent, None),
        ("app:instagram", percent, None),
    ]


def test_a_full_rate_limit_rests(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = facts()
    meta.usage = Usage(Pool(100, regain_minutes=7))
    watch(conn, vault)
    resting = conn.execute("select pool, blocked_until from app.api_pools").fetchall()
    assert resting == [("app:facebook", NOW + 7 * MINUTE)]
    assert pools.standing(conn, ["app:facebook"], NOW).blocked == {"app:facebook"}
