"""To be left alone: our side ends first, then the API is asked to revoke; and what Meta's callbacks tell of it."""

from datetime import timedelta

import psycopg
import pytest

from storykeep.accounts.goodbye.callbacks import answer, deauthorise, request_deletion, require_https
from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.goodbye.leaving import Left
from storykeep.accounts.goodbye.requests import open_requests
from storykeep.accounts.goodbye.revoking import revoked
from storykeep.accounts.goodbye.signed_request import Signed
from storykeep.accounts.registry import account_id_of
from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError
from storykeep.graph.tokens import debug_token
from storykeep.landing.tombstones import hash_of
from storykeep.maintenance.deletions import carry_out
from storykeep.warehouse import connect

from .conftest import EVENING, Scene
from .test_same_marts import prepare

pytestmark = pytest.mark.integration


@pytest.fixture
def scene(scene: Scene) -> Scene:
    prepare(scene)
    return scene


def facebook(scene: Scene) -> list[str]:
    """The handles whose token is good."""
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    client, vault = scene.clients()["facebook"], Vault(scene.settings.token_keys)
    rows = scene.all(
        "select username, token_encrypted from app.connections join app.accounts using (account_id)"
        " where login_flavour = 'facebook' order by 1"
    )
    return [name for name, locked in rows if debug_token(client, vault.unlock(locked)).is_valid]


def say_goodbye(scene: Scene, username: str) -> tuple[Left, str | StorykeepError]:
    left = disconnect(scene.conn, username, scene.now)
    assert left
    return left, revoked(scene.conn, Vault(scene.settings.token_keys), scene.clients(), left)


def is_alive(scene: Scene, left: Left) -> bool:
    assert left.token_encrypted
    token = Vault(scene.settings.token_keys).unlock(left.token_encrypted)
    return debug_token(scene.clients()["facebook"], token).is_valid


def states(scene: Scene) -> dict[str, tuple[str, str | None]]:
    rows = scene.all("select username, status, reason from app.connections join app.accounts using (account_id)")
    return {username: (status, reason) for username, status, reason in rows}


def granted_by(scene: Scene, granter_id: str, *usernames: str) -> None:
    scene.conn.execute(
        "update app.connections set granter_id = %s where account_id in"
        " (select account_id from app.accounts where username = any(%s))",
        [granter_id, list(usernames)],
    )


def test_a_revocation_waits_until_nobody_else_hangs_on_it(scene: Scene) -> None:
    first, second = facebook(scene)[:2]
    granted_by(scene, "900001", first, second)
    left, told = say_goodbye(scene, first)
    assert isinstance(told, StorykeepError)
    assert f"the same person granted access to @{second}" in told.what
    assert is_alive(scene, left)

    left, told = say_goodbye(scene, second)
    assert told == "its token is revoked at the API"
    assert not is_alive(scene, left)
    learned = scene.all(
        "select granter_id from app.connections where status = 'connected' and login_flavour = %s", "facebook"
    )
    assert all(granter for (granter,) in learned) and learned


def test_an_api_that_does_not_revoke_undoes_no_goodbye(scene: Scene) -> None:
    username = facebook(scene)[-1]
    scene.fault("http_500")
    try:
        left, told = say_goodbye(scene, username)
    finally:
        scene.control("DELETE", "faults")
    assert isinstance(told, StorykeepError)
    assert told.what.startswith("the API has not revoked its token, which lives on, though nobody uses it")
    assert told.remedy == "the creator can remove the app at Facebook: Settings, Business integrations"
    assert states(scene)[username] == ("disconnected", None)
    assert is_alive(scene, left)


def test_instagram_login_leaves_the_revocation_to_the_creator(scene: Scene) -> None:
    ((username,),) = scene.all(
        "select min(username) from app.connections join app.accounts using (account_id)"
        " where login_flavour = 'instagram'"
    )
    _, told = say_goodbye(scene, username)
    assert isinstance(told, StorykeepError)
    assert "Instagram Login offers an app no way to revoke a token" in told.what


def test_removing_the_app_ends_the_connections_of_that_person_and_keeps_the_history(scene: Scene) -> None:
    first, second, third = sorted(states(scene))[:3]
    scene.conn.execute("update app.connections set login_flavour = 'facebook'")
    granted_by(scene, "900002", first, second)
    granted_by(scene, "900003", third)
    disconnect(scene.conn, second, scene.now)
    signed = Signed("facebook", "900002", None)
    assert [one.username for one in deauthorise(scene.conn, signed, scene.now)] == [first]
    found = states(scene)
    assert (found[first], found[second], found[third]) == (
        ("revoked", "app_removed"),
        ("disconnected", None),
        ("connected", None),
    )
    kept = "select count(*) from app.connections where status = 'revoked' and token_encrypted is not null"
    assert scene.one(kept) == 0
    assert deauthorise(scene.conn, signed, scene.now + timedelta(minutes=1)) == []
    assert deauthorise(scene.conn, Signed("instagram", "900003", None), scene.now) == []
    event = "select kind, status, reason, happened_at from app.connection_events where status = 'revoked'"
    assert scene.all(event) == [("revoked", "revoked", "app_removed", EVENING)]


def test_a_deletion_is_asked_for_by_who_granted_and_is_answered_once(scene: Scene) -> None:
    first, second = sorted(states(scene))[:2]
    scene.conn.execute("update app.connections set login_flavour = 'facebook'")
    granted_by(scene, "900004", first, second)
    scene.conn.execute(
        "insert into app.consents (account_id, given_at, source, granter_id, granter_name)"
        " select account_id, %s, 'sign_in', '900004', 'Ida Agent' from app.accounts",
        [scene.now],
    )
    signed = Signed("facebook", "900004", None)
    asked = request_deletion(scene.conn, scene.settings.work_dir, signed, scene.now)
    again = request_deletion(scene.conn, scene.settings.work_dir, signed, scene.now + timedelta(hours=1))
    assert again == asked
    assert answer(asked, "https://example.org/deletion/") == {
        "url": f"https://example.org/deletion/{asked.code}",
        "confirmation_code": asked.code,
    }
    assert [request.code for request in open_requests(scene.conn)] == [asked.code]
    ids = scene.all("select ig_user_id from app.accounts where username = any(%s)", [first, second])
    assert asked.account_hashes == sorted(hash_of(ig_user_id) for (ig_user_id,) in ids)

    done = carry_out(scene.settings, {}, asked, scene.now)
    assert done.certificate["app.accounts"] == 2
    assert {first, second}.isdisjoint(states(scene))
    assert scene.one("select count(*) from app.consents") > 0
    named = "select count(*) from app.consents where granter_id is not null or granter_name is not null"
    assert scene.one(named) == 0
    later = request_deletion(scene.conn, scene.settings.work_dir, signed, scene.now + timedelta(days=1))
    assert (later.code, later.done_at) == (asked.code, scene.now)


def test_with_instagram_login_the_account_is_who_signed_in(scene: Scene) -> None:
    ((username, ig_user_id),) = scene.all(
        "select username, ig_user_id from app.connections join app.accounts using (account_id)"
        " where login_flavour = 'instagram' order by 1 limit 1"
    )
    asked = request_deletion(scene.conn, scene.settings.work_dir, Signed("instagram", ig_user_id, None), scene.now)
    assert asked.account_hashes == [hash_of(ig_user_id)]
    assert states(scene)[username] == ("revoked", "app_removed")


def test_a_page_that_removed_the_app_ends_what_came_by_it(scene: Scene) -> None:
    username = facebook(scene)[0]
    (page_id,) = scene.all(
        "select page_id from app.connections join app.accounts using (account_id) where username = %s", username
    )[0]
    assert page_id
    assert [one.username for one in deauthorise(scene.conn, Signed("facebook", None, page_id), scene.now)] == [username]


def test_a_request_of_somebody_unknown_is_answered_too(scene: Scene) -> None:
    asked = request_deletion(scene.conn, scene.settings.work_dir, Signed("facebook", "4711", None), scene.now)
    assert carry_out(scene.settings, {}, asked, scene.now).done_at == scene.now
    with pytest.raises(StorykeepError, match="is no https address"):
        require_https("http://example.org")


def test_no_runtime_role_may_undo_what_was_asked_for_and_deleted(scene: Scene) -> None:
    columns = {"tombstones": "purged_at", "account_tombstones": "purged_at", "deletion_requests": "requested_at"}
    statements = [
        statement
        for table, column in columns.items()
        for statement in (
            f"update app.{table} set {column} = now()",  # noqa: S608
            f"delete from app.{table}",  # noqa: S608
            f"truncate app.{table}",
        )
    ]
    for role in ("storykeep_ingest", "storykeep_transform", "storykeep_bi"):
        with connect(scene.owner) as conn:
            conn.execute(f"set role {role}")
            conn.commit()
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(statement)
                conn.rollback()


def test_nobody_is_purged_who_was_not_buried(scene: Scene) -> None:
    username = sorted(states(scene))[0]
    account_id = scene.one("select account_id from app.accounts where username = %s", username)
    assert account_id == account_id_of(scene.one("select ig_user_id from app.accounts where username = %s", username))
    for call in ("app.purge_account(%s)", "raw.purge_account(%s)", "raw.purge_account_media(%s, 50)"):
        with pytest.raises(psycopg.errors.RaiseException, match="it was not buried before"):
            scene.all(f"select * from {call}", account_id)  # noqa: S608


def test_every_table_of_app_and_raw_is_known_to_the_purge(scene: Scene) -> None:
    """A table that knows of accounts has a column account_id, or is among those that are dealt with by name."""
    nothing_of_accounts = {
        "app.alembic_version",
        "app.api_clocks",
        "app.brand_access",
        "app.brand_versions",
        "app.brands",
        "app.campaigns",
        "app.listing_cadences",
        "app.match_rules",
        "app.publications",
        "app.tracking_switches",
        "app.account_tombstones",
        "app.deletion_requests",
        "app.tombstones",
    }
    dealt_with = {
        "app.api_pools",
        "app.campaign_versions",
        "app.creators",
        "app.entry_approvals",
        "app.entry_files",
        "app.refused_metrics",
        "app.runs",
    }
    found = scene.all(
        """
        select pg_class.oid::regclass::text from pg_class
        where relnamespace in ('app'::regnamespace, 'raw'::regnamespace) and relkind in ('r', 'p')
            and not relispartition
            and not exists (
                select from pg_attribute
                where attrelid = pg_class.oid and attname = 'account_id' and not attisdropped
            )
        """
    )
    assert {name for (name,) in found} == nothing_of_accounts | dealt_with
