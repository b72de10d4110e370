from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql
from pydantic import SecretStr

from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.registry import (
    ImportResult,
    account_id_of,
    capturable,
    import_accounts,
    list_accounts,
    mark,
    react,
    shard_of,
)
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.states import Reason, State
from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError
from storykeep.graph.errors import PermissionMissingError, ReconnectError, TransientError
from storykeep.settings import Settings
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
NORA = "facebook,1001,nora,EAAtoken-of-nora,2026-12-31T00:00:00Z,2027-01-31T00:00:00Z,2101,EAApage-token-of-nora"
OMAR = "instagram,1002,omar,IGAAtoken-of-omar,,,,"
LENA = "facebook,1003,lena,,,,,"
NORA_ID = account_id_of("1001")


def bring(conn: psycopg.Connection, vault: Vault, *rows: str, now: datetime = NOW) -> ImportResult:
    return import_accounts(conn, vault, "\n".join([",".join(COLUMNS), *rows]), now)


def connection_of(conn: psycopg.Connection, account_id: str = NORA_ID) -> dict[str, Any]:
    with conn.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        row = cursor.execute("select * from app.connections where account_id = %s", [account_id]).fetchone()
    assert row is not None
    return row


def events(conn: psycopg.Connection, account_id: str = NORA_ID) -> list[tuple[Any, ...]]:
    return conn.execute(
        "select kind, status, reason, happened_at from app.connection_events where account_id = %s order by event_id",
        [account_id],
    ).fetchall()


def tokens(conn: psycopg.Connection, vault: Vault) -> dict[str, str]:
    connections, _ = capturable(conn, vault, shard=0, shards=1)
    return {one.username: one.token.get_secret_value() for one in connections}


def everything(conn: psycopg.Connection) -> dict[str, list[Any]]:
    """Every row of every table of the database's own schemas."""
    tables = conn.execute(
        "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    ).fetchall()
    return {
        f"{schema}.{table}": conn.execute(
            sql.SQL("select t::text from {} as t order by 1").format(sql.Identifier(schema, table))
        ).fetchall()
        for schema, table in tables
    }


def test_imports_connected_accounts_and_those_not_tracked(conn: psycopg.Connection, vault: Vault) -> None:
    result = bring(conn, vault, NORA, OMAR, LENA)
    assert result == ImportResult({"connected": 2, "not tracked": 1}, ())
    assert [(one.username, one.login_flavour, one.status) for one in list_accounts(conn)] == [
        ("lena", None, "not_tracked"),
        ("nora", "facebook", "connected"),
        ("omar", "instagram", "connected"),
    ]
    assert tokens(conn, vault) == {"nora": "EAAtoken-of-nora", "omar": "IGAAtoken-of-omar"}
    assert events(conn) == [("connected", "connected", None, NOW)]
    assert NORA_ID == "acc_fe675fe7aaee830b"


def test_importing_twice_changes_nothing(
    conn: psycopg.Connection, vault: Vault, warehouse: Settings, superuser: psycopg.Connection
) -> None:
    bring(conn, vault, NORA, OMAR, LENA)
    before = everything(superuser)
    superuser.rollback()
    assert len(before["app.connections"]) == 2
    assert bring(conn, vault, NORA, OMAR, LENA, now=LATER).outcomes == {"unchanged": 2, "not tracked": 1}
    assert everything(superuser) == before


def test_an_import_is_committed(conn: psycopg.Connection, vault: Vault, warehouse: Settings) -> None:
    assert list_accounts(conn) == [], "which leaves a transaction open"
    bring(conn, vault, NORA)
    with connect(warehouse.warehouse, "storykeep_ingest") as other:
        assert len(list_accounts(other)) == 1


def test_good_rows_go_in_beside_bad_ones(conn: psycopg.Connection, vault: Vault) -> None:
    result = bring(conn, vault, "myspace,1,x,,,,,", NORA)
    assert result.outcomes == {"connected": 1}
    assert [fault.where for fault in result.faults] == ["accounts line 2, column login_flavour"]


def test_a_new_token_is_a_reconnect(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    mark(conn, NORA_ID, State.REVOKED, Reason.PASSWORD_CHANGED, NOW)
    assert tokens(conn, vault) == {}
    assert bring(conn, vault, NORA.replace("EAAtoken", "EAAnew"), now=LATER).outcomes == {"reconnected": 1}
    assert tokens(conn, vault) == {"nora": "EAAnew-of-nora"}
    row = connection_of(conn)
    assert (row["status"], row["reason"], row["status_since"], row["connected_at"]) == ("connected", None, LATER, LATER)
    assert [event[:2] for event in events(conn)] == [
        ("connected", "connected"),
        ("status_changed", "revoked"),
        ("reconnected", "connected"),
    ]


def test_a_row_without_token_does_not_end_a_connection(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    assert bring(conn, vault, "facebook,1001,nora,,,,,").outcomes == {"unchanged": 1}
    assert tokens(conn, vault) == {"nora": "EAAtoken-of-nora"}


def test_the_handle_may_change_and_the_account_stays(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    bring(conn, vault, NORA.replace(",nora,", ",nora.novak,"))
    (account,) = list_accounts(conn)
    assert (account.account_id, account.username, account.creator) == (NORA_ID, "nora.novak", "nora")


def test_accounts_of_one_creator_share_the_creator(conn: psycopg.Connection, vault: Vault) -> None:
    header = ",".join([*COLUMNS, "creator"])
    import_accounts(conn, vault, f"{header}\n{NORA},Nora Novak\n{OMAR},Nora Novak\n{LENA},\n", NOW)
    assert [(one.username, one.creator) for one in list_accounts(conn)] == [
        ("lena", "lena"),
        ("nora", "Nora Novak"),
        ("omar", "Nora Novak"),
    ]
    row = conn.execute("select count(*) from app.creators").fetchone()
    assert row == (2,)


def test_no_token_rests_in_the_database(conn: psycopg.Connection, vault: Vault, superuser: psycopg.Connection) -> None:
    bring(conn, vault, NORA, OMAR)
    marker = b"token-of-"
    superuser.execute("create table app.canary as select %s::bytea as body, 'EAAtoken-of-canary' as text", [marker])
    rows = everything(superuser)
    found = {
        table
        for table, lines in rows.items()
        if any(marker.decode() in line or marker.hex() in line for (line,) in lines)
    }
    assert found == {"app.canary"}, "the search finds the canary, and nothing else"
    superuser.rollback()


def test_disconnect_forgets_the_token_and_keeps_the_history(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    assert disconnect(conn, "@Nora", LATER)
    row = connection_of(conn)
    assert (row["status"], row["token_encrypted"], row["page_token_encrypted"]) == ("disconnected", None, None)
    assert tokens(conn, vault) == {}
    assert not disconnect(conn, "nora", LATER + timedelta(hours=1))
    assert [event[:2] for event in events(conn)] == [("connected", "connected"), ("disconnected", "disconnected")]


def test_neither_capture_nor_the_old_file_undoes_a_goodbye(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    disconnect(conn, "nora", LATER)
    assert not mark(conn, NORA_ID, State.CONNECTED, None, LATER)
    assert bring(conn, vault, NORA).outcomes == {"still disconnected": 1}
    assert connection_of(conn)["status"] == "disconnected"
    assert bring(conn, vault, NORA.replace("EAAtoken", "EAAnew")).outcomes == {"reconnected": 1}


def test_disconnecting_nobody_is_told(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, LENA)
    with pytest.raises(StorykeepError, match="@nobody: there is no such account"):
        disconnect(conn, "nobody", NOW)
    with pytest.raises(StorykeepError, match="@lena: is not connected"):
        disconnect(conn, "lena", NOW)


def test_a_handle_of_two_accounts_is_told(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA, OMAR.replace("omar", "nora"))
    with pytest.raises(StorykeepError, match=r"several accounts have this handle \(1001, 1002\)|\(1002, 1001\)"):
        disconnect(conn, "nora", NOW)


def test_shards_share_the_accounts_out(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, *(f"instagram,{number},user{number},IGAA{number},,,," for number in range(1, 41)))
    shards = [{one.username for one in capturable(conn, vault, shard=shard, shards=3)[0]} for shard in range(3)]
    assert all(len(shard) > 5 for shard in shards)
    assert sum(map(len, shards)) == len(set.union(*shards)) == 40
    assert shard_of(NORA_ID, 1000) == 115


def test_a_token_that_no_key_opens_costs_only_its_account(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, Vault([SecretStr(Fernet.generate_key().decode())]), NORA)
    bring(conn, vault, OMAR)
    connections, unreadable = capturable(conn, vault, shard=0, shards=1)
    assert [one.username for one in connections] == ["omar"]
    assert [one.account_id for one in unreadable] == [NORA_ID]
    assert str(unreadable[0].error).startswith(f"@nora ({NORA_ID}): none of the token keys opens this token")


def test_what_is_captured_depends_on_the_state(conn: psycopg.Connection, vault: Vault) -> None:
    tracked = (State.CONNECTED, State.EXPIRING, State.CONNECTED_NO_INSIGHTS)
    ended = (State.EXPIRED, State.DATA_ACCESS_ENDED, State.REVOKED, State.NEEDS_ACTION, State.DISCONNECTED)
    for number, status in enumerate((*tracked, *ended)):
        bring(conn, vault, f"facebook,{number},{status},EAAsecret{number},,,,")
        mark(conn, account_id_of(str(number)), status, None, LATER)
    connections, unreadable = capturable(conn, vault, shard=0, shards=1)
    assert {one.username: one.can_read_insights for one in connections} == {
        "connected": True,
        "expiring": True,
        "connected_no_insights": False,
    }
    assert unreadable == []
    assert "EAAsecret" not in repr(connections)


def test_marking_appends_an_event_only_when_something_changes(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    assert mark(conn, NORA_ID, State.EXPIRING, Reason.TOKEN_EXPIRING, NOW)
    assert not mark(conn, NORA_ID, State.EXPIRING, Reason.TOKEN_EXPIRING, LATER)
    assert mark(conn, NORA_ID, State.EXPIRING, Reason.DATA_ACCESS_ENDING, LATER)
    assert connection_of(conn)["status_since"] == NOW, "another reason is no new state"
    assert events(conn)[1:] == [
        ("status_changed", "expiring", "token_expiring", NOW),
        ("status_changed", "expiring", "data_access_ending", LATER),
    ]


REFUSALS: Sequence[tuple[Any, str]] = [
    ("token_expired", "expired"),
    ("password_changed", "revoked"),
    ("app_removed", "revoked"),
    ("logged_out", "revoked"),
    ("token_invalid", "revoked"),
    ("checkpointed", "needs_action"),
    ("unconfirmed_user", "needs_action"),
    ("page_role_lost", "needs_action"),
]


def test_a_refused_token_ends_the_connection_once(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, *(f"facebook,{number},{reason},EAA{reason},,,," for number, (reason, _) in enumerate(REFUSALS)))
    bring(conn, vault, OMAR)
    for number, (reason, status) in enumerate(REFUSALS):
        account_id = account_id_of(str(number))
        assert react(conn, account_id, ReconnectError("dead", reason=reason), NOW)
        assert not react(conn, account_id, ReconnectError("dead", reason="token_invalid"), LATER)
        assert not react(conn, account_id, PermissionMissingError("no", scope="instagram_basic"), LATER)
        row = connection_of(conn, account_id)
        assert (row["status"], row["reason"], row["status_since"]) == (status, reason, NOW)
    assert list(tokens(conn, vault)) == ["omar"]


def test_a_missing_permission_degrades_the_connection(conn: psycopg.Connection, vault: Vault) -> None:
    access_ends = datetime(2027, 1, 31, tzinfo=UTC)
    no_insights = ("connected_no_insights", "missing_scope")
    ended = ("data_access_ended", "data_access_ended")
    for scope, at, outcome in [
        ("instagram_manage_insights", NOW, no_insights),
        ("", NOW, no_insights),
        ("instagram_basic", NOW, ("needs_action", "missing_scope")),
        ("instagram_basic", access_ends, ended),
        ("instagram_manage_insights", access_ends, ended),
    ]:
        bring(conn, vault, NORA.replace("EAAtoken", f"EAA{scope}{at:%Y}"))
        assert react(conn, NORA_ID, PermissionMissingError("no", scope=scope), at)
        row = connection_of(conn)
        assert (row["status"], row["reason"]) == outcome


def test_other_errors_leave_the_connection_alone(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    assert not react(conn, NORA_ID, TransientError("later"), NOW)
    assert connection_of(conn)["status"] == "connected"


@pytest.mark.parametrize("scope", ["instagram_manage_insights", ""])
def test_a_refusal_of_insights_that_the_token_holds_is_about_the_story(
    conn: psycopg.Connection, vault: Vault, scope: str
) -> None:
    bring(conn, vault, NORA)
    refusal = PermissionMissingError("no", scope=scope)
    hold = "update app.connections set scopes = %s where account_id = %s"
    conn.execute(hold, [["instagram_basic", "instagram_manage_insights"], NORA_ID])
    assert not react(conn, NORA_ID, refusal, NOW)
    assert connection_of(conn)["status"] == "connected"
    conn.execute(hold, [["instagram_basic"], NORA_ID])
    assert react(conn, NORA_ID, refusal, NOW)


def test_a_verdict_over_the_old_token_does_not_touch_a_renewed_one(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    (asked,), _ = capturable(conn, vault, shard=0, shards=1)
    conn.execute("update app.connections set token_version = token_version + 1 where account_id = %s", [NORA_ID])
    for late_answer in (
        ReconnectError("dead", reason="token_expired"),
        PermissionMissingError("no", scope="instagram_basic"),
    ):
        assert not react(conn, NORA_ID, late_answer, LATER, used=asked.token_version)
    assert connection_of(conn)["status"] == "connected"
    assert "token_encrypted" not in repr(asked)


def test_a_verdict_over_the_old_consent_does_not_touch_the_new_one(conn: psycopg.Connection, vault: Vault) -> None:
    bring(conn, vault, NORA)
    (asked,), _ = capturable(conn, vault, shard=0, shards=1)
    bring(conn, vault, NORA.replace("EAAtoken", "EAAnew"), now=LATER)
    late_answer = ReconnectError("dead", reason="token_expired")
    assert not react(conn, NORA_ID, late_answer, LATER, used=asked.token_version)
    (asked,), _ = capturable(conn, vault, shard=0, shards=1)
    assert react(conn, NORA_ID, late_answer, LATER, used=asked.token_version)


def test_a_verdict_holds_although_the_token_was_locked_with_another_key_meanwhile(
    conn: psycopg.Connection, vault: Vault
) -> None:
    bring(conn, vault, NORA)
    (asked,), _ = capturable(conn, vault, shard=0, shards=1)
    conn.execute("update app.connections set token_encrypted = %s", [vault.lock(asked.token)])
    assert react(conn, NORA_ID, ReconnectError("dead", reason="token_expired"), LATER, used=asked.token_version)
