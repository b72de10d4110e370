"""A sign-in that goes well: what it writes, and whose account it stays."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.registry import account_id_of, import_accounts, list_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.signin.attempts import tries
from storykeep.accounts.signin.level import Level
from storykeep.accounts.signin.scopes import asked_scopes, surplus
from storykeep.accounts.states import Reason, State
from storykeep.graph.tokens import inspect
from storykeep.settings import FLAVOURS, Flavour

from .conftest import PRESENT, START, Scene

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_invited_creator_is_connected_with_a_token_that_lasts(scene: Scene, flavour: Flavour) -> None:
    person = scene.person(flavour)
    scene.known(person)
    terms = {"text_version": "2026-11", "usage_rights": "internal use"}
    arrival = scene.sign_in(person, f"@{person['username'].upper()}", entry_point="brief", **terms)
    assert arrival.trouble is None
    assert arrival.invited is not None
    assert arrival.invited.level is Level.INSIGHTS
    (done,) = scene.connect(arrival, person["ig_user_id"])
    assert (done.account_id, done.outcome, done.status) == (
        account_id_of(person["ig_user_id"]),
        "connected",
        State.CONNECTED,
    )
    token = scene.tokens()[person["username"]]
    assert inspect(scene.clients[flavour], SecretStr(token)).is_valid
    expires_at, scopes, version, page_id = scene.one(
        "select token_expires_at, scopes, token_version, page_id from app.connections"
    )
    assert timedelta(days=59) < expires_at - PRESENT < timedelta(days=61)
    assert (scopes, version) == (sorted(asked_scopes(flavour)), 1)
    assert page_id == (person["page_id"] or None)
    given_at, source, said, *told = scene.one(
        "select given_at, source, scopes, text_version, usage_rights from app.consents"
    )
    assert (given_at, source, said, told) == (PRESENT, "sign_in", scopes, ["2026-11", "internal use"])
    scene.conn.rollback()
    assert scene.one("select count(*) from app.consents") == 1, "it was committed"
    tried = tries(scene.conn, done.account_id)
    assert tried is not None
    assert (tried.count, tried.status, tried.reason) == (1, State.CONNECTED, None)


def test_the_granter_of_facebook_is_kept_beside_the_creator(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.connect(scene.sign_in(person), person["ig_user_id"])
    granter_id, granter_name, page_name, tasks = scene.one(
        "select granter_id, granter_name, page_name, page_tasks from app.connections"
    )
    assert (granter_id, granter_name) == scene.one("select granter_id, granter_name from app.consents")
    assert granter_id not in ("", None, person["ig_user_id"])
    assert (granter_name, page_name) == (person["creator"], person["creator"])
    assert "ANALYZE" in tasks


def test_who_was_not_known_before_is_registered(scene: Scene) -> None:
    person = scene.person("instagram")
    scene.connect(scene.sign_in(person), person["ig_user_id"])
    (listed,) = list_accounts(scene.conn)
    assert (listed.username, listed.status) == (person["username"], "connected")


def test_insights_that_are_declined_leave_a_connection_without_numbers(scene: Scene) -> None:
    person = scene.person("facebook")
    started = scene.invite("facebook")
    address = scene.browse(started.url, person, declined=["instagram_manage_insights"])
    arrival = scene.arrive(address)
    assert arrival.found[0].level is Level.CONTENT_ONLY
    (done,) = scene.connect(arrival, person["ig_user_id"])
    assert (done.status, done.reason) == (State.CONNECTED_NO_INSIGHTS, Reason.MISSING_SCOPE)
    assert [one.status for one in list_accounts(scene.conn)] == ["connected_no_insights"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_reconnect_brings_a_new_token_and_keeps_the_identity(scene: Scene, flavour: Flavour) -> None:
    person = scene.person(flavour)
    scene.connect(scene.sign_in(person), person["ig_user_id"])
    before = scene.tokens()[person["username"]]
    disconnect(scene.conn, person["username"], scene.now)
    assert scene.tokens() == {}
    scene.now += timedelta(days=1)
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    (done,) = scene.connect(scene.sign_in(person, person["username"]), person["ig_user_id"])
    assert (done.account_id, done.outcome) == (account_id_of(person["ig_user_id"]), "reconnected")
    assert scene.tokens()[person["username"]] != before
    assert scene.one("select token_version, previous_token_encrypted from app.connections") == (2, None)
    events = scene.all("select kind from app.connection_events order by event_id")
    assert events == [("connected",), ("disconnected",), ("reconnected",)]
    assert scene.all("select given_at from app.consents order by consent_id") == [(PRESENT,), (scene.now,)]


def test_a_reconnect_begins_the_ninety_days_anew(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.now += timedelta(days=30)
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    scene.connect(scene.sign_in(person), person["ig_user_id"])
    ends: Any = scene.one("select data_access_expires_at from app.connections")
    assert timedelta(days=89) < ends - scene.now <= timedelta(days=90)


def test_a_changed_handle_and_another_page_leave_account_and_history_as_they_are(scene: Scene) -> None:
    person = scene.person("facebook")
    scene.known(person, username="old.name")
    arrival = scene.sign_in(person, "old.name")
    assert arrival.invited is not None, "the identity counts, not the handle"
    scene.connect(arrival, person["ig_user_id"])
    scene.control("POST", "faults", [scene.says(person, "pages", {"data": [scene.page(person, "999")]})])
    scene.connect(scene.sign_in(person, person["username"]), person["ig_user_id"])
    (listed,) = list_accounts(scene.conn)
    assert (listed.account_id, listed.username) == (account_id_of(person["ig_user_id"]), person["username"])
    assert scene.one("select page_id, page_name from app.connections") == ("999", "Page 999")
    assert scene.one("select count(*) from app.connection_events") == 2


def test_importing_the_old_file_does_not_undo_a_sign_in(scene: Scene) -> None:
    person = scene.person("instagram")
    text = "\n".join([",".join(COLUMNS), ",".join(person[name] for name in COLUMNS)])
    import_accounts(scene.conn, scene.vault, text, START)
    scene.connect(scene.sign_in(person), person["ig_user_id"])
    token = scene.tokens()
    assert import_accounts(scene.conn, scene.vault, text, PRESENT).outcomes == {"unchanged": 1}
    assert scene.tokens() == token


def test_of_several_accounts_only_the_chosen_are_connected(scene: Scene) -> None:
    person, other, third = (scene.person("facebook", number) for number in range(3))
    shown = [scene.page(person), scene.page(other, "2102"), scene.page(third, "2103", tasks=["CREATE_CONTENT"])]
    scene.control(
        "POST",
        "faults",
        [scene.says(person, "pages", {"data": shown}), scene.says(person, "profile", {"id": "1"})],
    )
    arrival = scene.sign_in(person)
    assert [(one.username, one.trouble and one.trouble.reason) for one in arrival.found] == [
        (person["username"], None),
        (other["username"], None),
        (third["username"], Reason.INSUFFICIENT_PAGE_ROLE),
    ]
    scene.connect(arrival, person["ig_user_id"])
    assert scene.tokens().keys() == {person["username"]}
    assert scene.all("select username from app.accounts") == [(person["username"],)], "the others leave no trace"
    scene.connect(scene.sign_in(person), person["ig_user_id"], other["ig_user_id"])
    assert scene.tokens().keys() == {person["username"], other["username"]}


def test_all_of_it_is_written_or_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    person, other = scene.person("facebook"), scene.person("facebook", 1)
    shown = {"data": [scene.page(person), scene.page(other, "2102", access_token="EAAlast")]}
    scene.control("POST", "faults", [scene.says(person, "pages", shown), scene.says(person, "profile", {"id": "1"})])
    arrival = scene.sign_in(person)
    lock = scene.vault.lock

    def failing(token: SecretStr) -> bytes:
        if token.get_secret_value() == "EAAlast":
            raise OSError("the machine is gone")
        return lock(token)

    monkeypatch.setattr(scene.vault, "lock", failing)
    with pytest.raises(OSError, match="the machine is gone"):
        scene.connect(arrival, person["ig_user_id"], other["ig_user_id"])
    for table in ("accounts", "connections", "connection_events", "consents"):
        assert scene.one(f"select count(*) from app.{table}") == 0, table  # noqa: S608
    assert scene.one("select ended_at from app.sign_ins") is None


def test_a_permission_to_write_that_was_granted_earlier_is_on_record(scene: Scene) -> None:
    person = scene.person("facebook")
    started = scene.invite("facebook")
    arrival = scene.arrive(scene.browse(started.url.replace("scope=", "scope=pages_manage_posts%2C"), person))
    scene.connect(arrival, person["ig_user_id"])
    assert surplus("facebook", scene.one("select scopes from app.connections")) == ["pages_manage_posts"]
    assert "pages_manage_posts" in scene.one("select scopes from app.consents")


def test_an_app_that_demands_the_proof_is_served(scene: Scene) -> None:
    scene.control("POST", "switches", {"PROOF_REQUIRED": True})
    person = scene.person("facebook")
    (done,) = scene.connect(scene.sign_in(person), person["ig_user_id"])
    assert done.status is State.CONNECTED


def test_no_token_code_or_state_rests_in_the_database_in_clear(scene: Scene) -> None:
    person = scene.person("facebook")
    started = scene.invite("facebook")
    address = scene.browse(started.url, person)
    arrival = scene.arrive(address)
    scene.connect(arrival, person["ig_user_id"])
    brought = [part.partition("=")[2] for part in address.partition("?")[2].split("&")]
    secrets = [arrival.granted.token.get_secret_value(), *brought]
    assert len(secrets) == 3
    assert all(len(secret) > 30 for secret in secrets)
    rows = "".join(
        str(row)
        for table in ("sign_ins", "connections", "connection_events", "consents", "accounts")
        for row in scene.all(f"select t::text from app.{table} as t")  # noqa: S608
    )
    assert "sign_in" in rows
    assert [secret for secret in secrets if secret in rows] == []


def test_an_import_is_a_consent_too(scene: Scene) -> None:
    person = scene.person("facebook")
    columns = [*COLUMNS, "consent_text_version", "usage_rights"]
    row = person | {"consent_text_version": "2025-01", "usage_rights": "paid social until 2027"}
    text = "\n".join([",".join(columns), ",".join(row[name] for name in columns)])
    import_accounts(scene.conn, scene.vault, text, START)
    import_accounts(scene.conn, scene.vault, text, PRESENT)
    assert scene.all("select given_at, source, text_version, usage_rights, granter_id from app.consents") == [
        (START, "import", "2025-01", "paid social until 2027", None)
    ]
