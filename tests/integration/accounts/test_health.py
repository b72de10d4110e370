"""The token watch over a stand-in for the API that a test can turn in every direction."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from storykeep.accounts import pools
from storykeep.accounts.alerts import Alert
from storykeep.accounts.connections import held, react
from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.health import check_tokens
from storykeep.accounts.registry import account_id_of, capturable
from storykeep.accounts.vault import Vault
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import Answer, Ask
from storykeep.graph.errors import PermissionMissingError, ReconnectError, ThrottledError, TransientError
from storykeep.graph.tokens import NewToken, TokenFacts

from .meta import CLIENTS, DAY, LENA, NORA, NOW, OMAR, SCOPES, Meta, bring, facts, state, told, watch

pytestmark = pytest.mark.integration


def test_learns_clocks_and_scopes(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = facts()
    assert watch(conn, vault) == []
    (nora,) = held(conn)
    assert (nora.token_expires_at, nora.data_access_expires_at) == (NOW + 40 * DAY, NOW + 60 * DAY)
    assert nora.scopes == list(SCOPES)
    assert conn.execute("select inspected_at from app.connections").fetchone() == (NOW,)
    conn.rollback()
    assert conn.execute("select inspected_at from app.connections").fetchone() == (NOW,), "it was committed"


def test_every_trouble_is_told_once_with_its_state(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA, OMAR, LENA, "facebook,1004,theo,tok-theo,,,,", "facebook,1005,zoe,tok-zoe,,,,")
    meta.facts |= {
        "tok-nora": facts(access_left=2 * DAY),
        "tok-omar": TokenFacts(False, reason="token_expired"),
        "tok-lena": facts(scopes=("instagram_basic",)),
        "tok-theo": facts(access_left=-DAY),
        "tok-zoe": TokenFacts(False, reason="checkpointed"),
    }
    assert sorted(told(watch(conn, vault))) == [
        ("lena", "status", "connected_no_insights"),
        ("nora", "data_access", "3"),
        ("omar", "status", "expired"),
        ("theo", "status", "data_access_ended"),
        ("zoe", "status", "needs_action"),
    ]
    assert state(conn) == ("expiring", "data_access_ending")
    assert state(conn, "omar") == ("expired", "token_expired")
    assert state(conn, "theo") == ("data_access_ended", "data_access_ended")
    assert watch(conn, vault) == [], "each is told once"
    messages = conn.execute("select message from app.alerts where account_id = %s", [account_id_of("1003")]).fetchall()
    assert messages == [
        (
            "@lena: connected_no_insights (missing_scope: instagram_manage_insights), 40 days left; creator: connect"
            " the account again and leave access to insights switched on",
        )
    ]


def test_what_is_not_recorded_as_told_is_found_again(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, OMAR)
    meta.facts["tok-omar"] = TokenFacts(False, reason="token_expired")
    first = check_tokens(conn, vault, CLIENTS, fixed_clock(NOW))
    assert [alert.key for alert in check_tokens(conn, vault, CLIENTS, fixed_clock(NOW + DAY))] == [first[0].key]


def test_what_capture_found_is_told(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, OMAR)
    react(conn, account_id_of("1002"), ReconnectError("dead", reason="password_changed"), NOW - DAY)
    conn.commit()
    (alert,) = watch(conn, vault)
    assert (alert.step, alert.concerns_at, alert.days_left) == ("revoked", NOW - DAY, 0)
    assert meta.inspected == [], "a dead token is not tried again"


def refused_hourly(conn: psycopg.Connection, vault: Vault, ig_user_id: str, scope: str) -> list[Alert]:
    """Four hours in each of which capture is refused insights, and then the watch comes."""
    alerts: list[Alert] = []
    for hour in range(4):
        at = NOW + hour * DAY / 24
        react(conn, account_id_of(ig_user_id), PermissionMissingError("no", scope=scope), at)
        conn.commit()
        alerts += watch(conn, vault, at)
    return alerts


def test_capture_and_inspection_do_not_take_turns(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    """Where scopes are never told, a refusal of insights stands, and is told once."""
    bring(conn, vault, OMAR.replace("tok-omar,", "tok-omar,2027-01-19T12:00:00Z"))
    meta.facts["tok-omar"] = TokenFacts(True)
    alerts = refused_hourly(conn, vault, "1002", "instagram_business_manage_insights")
    assert told(alerts) == [("omar", "status", "connected_no_insights")]
    assert state(conn, "omar") == ("connected_no_insights", "missing_scope")


def test_an_inspection_that_sees_the_insights_scope_heals_for_good(
    conn: psycopg.Connection, vault: Vault, meta: Meta
) -> None:
    """The refusal came before the first inspection: it may have been about one story with hardly a viewer."""
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = facts()
    react(conn, account_id_of("1001"), PermissionMissingError("no", scope="instagram_manage_insights"), NOW)
    assert state(conn) == ("connected_no_insights", "missing_scope")
    assert refused_hourly(conn, vault, "1001", "instagram_manage_insights") == []
    assert state(conn) == ("connected", None)


def test_disconnected_accounts_are_left_in_peace(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA)
    disconnect(conn, "nora", NOW)
    assert watch(conn, vault) == []
    assert meta.inspected == []


@pytest.mark.parametrize("row", [NORA, OMAR])
def test_renews_and_writes_the_new_token(
    conn: psycopg.Connection, vault: Vault, meta: Meta, row: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    old = row.split(",")[3]
    bring(conn, vault, row.replace(f"{old},", f"{old},2026-11-23T12:00:00Z"))
    meta.facts[old] = facts(token_left=2 * DAY)
    lasts_until = NOW + 60 * DAY + timedelta(microseconds=7)
    meta.renewals[old] = NewToken(SecretStr("tok-new"), lasts_until)
    meta.facts["tok-new"] = TokenFacts(True, lasts_until, None, NOW, SCOPES)
    assert watch(conn, vault) == []
    assert "the token was renewed, to last until 2027-01-20 12:00 UTC\n" in caplog.text
    (connection,), _ = capturable(conn, vault, shard=0, shards=1)
    assert connection.token.get_secret_value() == "tok-new"
    assert connection.status == "connected"
    (kept,) = held(conn)
    assert (kept.token_expires_at, kept.token_issued_at) == (lasts_until, NOW)
    assert (kept.token_version, kept.previous_token_encrypted) == (2, None), "it has worked"
    assert (meta.inspected, meta.renewed) == ([old, "tok-new"], [old])


def test_the_new_token_survives_a_death_right_after_it_came(
    conn: psycopg.Connection, vault: Vault, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = facts(token_left=2 * DAY)
    meta.renewals["tok-nora"] = NewToken(SecretStr("tok-new"), NOW + 60 * DAY)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("storykeep.accounts.health._keep", killed)
    meta.facts["tok-new"] = facts(token_left=60 * DAY)
    with pytest.raises(KeyboardInterrupt):
        watch(conn, vault)
    conn.rollback()
    (connection,), _ = capturable(conn, vault, shard=0, shards=1)
    assert connection.token.get_secret_value() == "tok-new"


def test_a_renewal_that_fails_costs_nothing_and_the_ladder_warns(
    conn: psycopg.Connection, vault: Vault, meta: Meta
) -> None:
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = facts(token_left=5 * DAY)
    meta.renewals["tok-nora"] = TransientError("later")
    assert told(watch(conn, vault)) == [("nora", "token", "7")]
    assert state(conn) == ("expiring", "token_expiring")
    meta.renewals["tok-nora"] = NewToken(SecretStr("tok-new"), NOW + 60 * DAY)
    meta.facts["tok-new"] = facts(token_left=60 * DAY)
    assert watch(conn, vault, NOW + DAY) == []
    assert state(conn) == ("connected", None)


def test_an_exchange_does_not_move_the_end_of_data_access(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = facts(token_left=2 * DAY, access_left=2 * DAY)
    meta.renewals["tok-nora"] = NewToken(SecretStr("tok-new"), NOW + 60 * DAY)
    meta.facts["tok-new"] = facts(token_left=60 * DAY, access_left=2 * DAY)
    assert told(watch(conn, vault)) == [("nora", "data_access", "3")]


@pytest.mark.parametrize("answer", [TokenFacts(False, reason="token_expired"), facts(scopes=("instagram_basic",))])
def test_a_reconnect_during_the_check_wins(
    conn: psycopg.Connection, vault: Vault, meta: Meta, answer: TokenFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = answer

    def reconnect_meanwhile(asks: Sequence[Ask]) -> Iterator[list[Answer]]:
        bring(conn, vault, NORA.replace("tok-nora", "tok-again"), now=NOW)
        return meta.answer(asks)

    monkeypatch.setattr(CLIENTS["facebook"], "answer", reconnect_meanwhile)
    assert watch(conn, vault) == []
    (connection,), _ = capturable(conn, vault, shard=0, shards=1)
    assert (connection.token.get_secret_value(), connection.status) == ("tok-again", "connected")
    assert held(conn)[0].scopes is None, "what was learned of the old token is not written to the new one"


def test_one_failed_inspection_is_kept_for_next_time(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA, LENA)
    meta.facts |= {"tok-nora": TransientError("busy"), "tok-lena": facts(scopes=("instagram_basic",))}
    assert told(watch(conn, vault)) == [("lena", "status", "connected_no_insights")]
    assert watch(conn, vault) == []
    assert state(conn) == ("connected", None)


def test_a_withdrawn_permission_that_the_inspection_meets_is_told_once_and_is_no_outage(
    conn: psycopg.Connection, vault: Vault, meta: Meta
) -> None:
    bring(conn, vault, OMAR.replace("tok-omar,", "tok-omar,2027-01-19T12:00:00Z"))
    meta.facts["tok-omar"] = PermissionMissingError("no", scope="instagram_business_basic")
    assert told(watch(conn, vault)) == [("omar", "status", "needs_action")]
    assert watch(conn, vault) == []


def test_an_api_out_of_reach_is_an_error_that_names_it(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA, LENA, OMAR)
    meta.facts |= {"tok-nora": TransientError("no route"), "tok-lena": TransientError("no route")}
    meta.facts["tok-omar"] = TokenFacts(True)
    meta.renewals["tok-omar"] = TransientError("later")
    with pytest.raises(StorykeepError) as error:
        watch(conn, vault)
    assert str(error.value) == (
        "Graph API at http://facebook.test: not one of 2 tokens could be inspected, the first because: no route"
        " -> check the network, and app id and secret in AIRFLOW_CONN_GRAPH_FACEBOOK"
    )
    assert state(conn, "nora") == ("connected", None)


def test_alerts_go_before_an_api_out_of_reach(
    conn: psycopg.Connection, vault: Vault, meta: Meta, caplog: pytest.LogCaptureFixture
) -> None:
    bring(conn, vault, NORA, OMAR)
    meta.facts |= {"tok-nora": TransientError("no route"), "tok-omar": TokenFacts(False, reason="app_removed")}
    assert told(watch(conn, vault)) == [("omar", "status", "revoked")]
    assert "not one of 1 tokens" in caplog.text
    with pytest.raises(StorykeepError, match="not one of 1 tokens"):
        watch(conn, vault)


def test_a_refused_app_secret_ends_no_connection(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    """debug_token is asked with the app's own token: an error of 190 there is the app's, not the creator's."""
    bring(conn, vault, NORA)
    meta.facts["tok-nora"] = ReconnectError("invalid app token", reason="token_invalid")
    with pytest.raises(StorykeepError, match="AIRFLOW_CONN_GRAPH_FACEBOOK"):
        watch(conn, vault)
    assert state(conn) == ("connected", None)


def test_an_app_that_is_not_set_up_is_told(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA, OMAR)
    meta.facts["tok-nora"] = facts()
    with pytest.raises(StorykeepError, match="AIRFLOW_CONN_GRAPH_INSTAGRAM: the app is not set up, so 1 tokens"):
        check_tokens(conn, vault, {"facebook": CLIENTS["facebook"]}, fixed_clock(NOW))
    assert held(conn)[0].scopes or held(conn)[1].scopes, "the other flavour was inspected"


def test_a_lost_key_is_told_once_and_costs_no_neighbour(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, Vault([SecretStr(Fernet.generate_key().decode())]), NORA)
    bring(conn, vault, LENA)
    meta.facts["tok-lena"] = facts()
    (alert,) = watch(conn, vault)
    assert alert.line.startswith("@nora: none of the token keys opens this token, no end known; data team: put the key")
    assert watch(conn, vault) == []
    assert meta.inspected == ["tok-lena"]
    assert state(conn) == ("connected", None)


def rests(conn: psycopg.Connection) -> dict[str, timedelta]:
    """The pools that are blocked, with how long from now."""
    rows = conn.execute("select pool, blocked_until from app.api_pools").fetchall()
    return {pool: until - NOW for pool, until in rows}


@pytest.mark.parametrize(("pool", "asked"), [("app:facebook", {"tok-omar"}), ("1001", {"tok-lena", "tok-omar"})])
def test_a_pool_that_rests_is_left_in_peace(
    conn: psycopg.Connection, vault: Vault, meta: Meta, pool: str, asked: set[str]
) -> None:
    bring(conn, vault, NORA, LENA, OMAR)
    meta.facts |= {token: facts() for token in ("tok-nora", "tok-lena", "tok-omar")}
    meta.renewals["tok-omar"] = TransientError("later")
    pools.note(conn, {}, {pool: NOW + timedelta(minutes=1)}, NOW)
    assert watch(conn, vault) == []
    assert set(meta.inspected) == asked
    watch(conn, vault, NOW + timedelta(minutes=1))
    assert set(meta.inspected) == {"tok-nora", "tok-lena", "tok-omar"}


def test_a_throttled_app_ends_the_check_of_its_flavour_and_rests(
    conn: psycopg.Connection, vault: Vault, meta: Meta
) -> None:
    bring(conn, vault, NORA, LENA, OMAR)
    throttled = ThrottledError("limit reached", scope="app", wait=timedelta(minutes=40), code=4)
    meta.facts |= {"tok-nora": throttled, "tok-lena": throttled, "tok-omar": facts()}
    meta.renewals["tok-omar"] = TransientError("later")
    assert watch(conn, vault) == []
    assert sorted(meta.inspected) == ["tok-lena", "tok-nora", "tok-omar"]
    conn.rollback()
    assert rests(conn) == {"app:facebook": timedelta(minutes=40)}
    watch(conn, vault, NOW + timedelta(minutes=39))
    assert meta.inspected[3:] == ["tok-omar"]


def test_a_throttled_account_rests_alone(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA, LENA)
    throttled = ThrottledError("limit reached", scope="account", code=80002)
    meta.facts |= {"tok-nora": throttled, "tok-lena": facts()}
    assert watch(conn, vault) == []
    assert sorted(meta.inspected) == ["tok-lena", "tok-nora"]
    assert rests(conn) == {"1001": pools.REST}


def test_a_renewal_that_is_throttled_rests_too(conn: psycopg.Connection, vault: Vault, meta: Meta) -> None:
    bring(conn, vault, NORA, LENA)
    meta.facts |= {"tok-nora": facts(token_left=5 * DAY), "tok-lena": facts(token_left=5 * DAY)}
    throttled = ThrottledError("limit reached", scope="app", code=4)
    meta.renewals |= {"tok-nora": throttled, "tok-lena": throttled}
    watch(conn, vault)
    assert len(meta.renewed) == 1
    assert rests(conn) == {"app:facebook": pools.REST}


@pytest.mark.parametrize("seed", range(3))
def test_over_a_life_each_step_is_told_at_most_once_and_the_end_exactly_once(
    conn: psycopg.Connection, vault: Vault, meta: Meta, seed: int
) -> None:
    rng = random.Random(seed)
    bring(conn, vault, NORA, now=NOW)
    ends_at = NOW + rng.choice([40, 60]) * DAY
    meta.renewals["tok-nora"] = TransientError("never")
    seen: Counter[str] = Counter()
    at = NOW
    while at < ends_at + 5 * DAY:
        is_valid = at < ends_at
        meta.facts["tok-nora"] = (
            TokenFacts(True, ends_at, None, NOW, SCOPES) if is_valid else TokenFacts(False, reason="token_expired")
        )
        alerts = watch(conn, vault, at)
        assert len(alerts) <= 1
        seen.update(alert.step for alert in alerts)
        at += rng.choice([DAY / 24, DAY, 2.5 * DAY, 5 * DAY])
    assert seen["expired"] == 1
    assert set(seen.values()) == {1}
    assert set(seen) <= {"14", "7", "3", "1", "expired"}
