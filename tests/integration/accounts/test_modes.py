"""A creator's wish not to be captured: who is left alone, since when and who said so."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from storykeep.accounts.modes import Mode, resting, set_mode
from storykeep.accounts.registry import (
    account_id_of,
    capturable,
    connection_of,
    find_account,
    import_accounts,
    list_accounts,
    pools_of_captured,
)
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.vault import Vault
from storykeep.errors import StorykeepError
from storykeep.settings import FLAVOURS

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROWS = (
    "facebook,1001,nora,EAAtoken-of-nora,,,,",
    "instagram,1002,omar,IGAAtoken-of-omar,,,,",
    "facebook,1003,lena,,,,,",
)
NORA, OMAR, LENA = map(account_id_of, ("1001", "1002", "1003"))


@pytest.fixture
def people(conn: psycopg.Connection, vault: Vault) -> psycopg.Connection:
    import_accounts(conn, vault, "\n".join([",".join(COLUMNS), *ROWS]), NOW)
    return conn


def asked(conn: psycopg.Connection, vault: Vault) -> set[str]:
    return {one.username for one in capturable(conn, vault, shard=0, shards=1)[0]}


@pytest.mark.parametrize("mode", [Mode.PAUSED, Mode.MANUAL])
def test_who_is_not_automatic_is_neither_captured_nor_refreshed_until_resumed(
    people: psycopg.Connection, vault: Vault, mode: Mode
) -> None:
    assert set_mode(people, NORA, mode, "ida", NOW)
    assert asked(people, vault) == {"omar"}
    assert set(pools_of_captured(people, FLAVOURS)) == {OMAR}
    with pytest.raises(StorykeepError, match=f"@nora: it is not read: {mode} -> .*storykeep accounts resume nora"):
        connection_of(people, vault, "@nora")
    assert set_mode(people, NORA, Mode.AUTOMATIC, "ida", NOW + timedelta(hours=1))
    assert asked(people, vault) == {"nora", "omar"}
    assert set(pools_of_captured(people, FLAVOURS)) == {NORA, OMAR}
    assert connection_of(people, vault, "nora").username == "nora"


def test_every_wish_is_kept_with_its_time_and_author_and_the_same_one_twice_is_one(people: psycopg.Connection) -> None:
    done = [
        set_mode(people, find_account(people, "nora"), mode, author, NOW + timedelta(hours=hour))
        for hour, (mode, author) in enumerate(
            [(Mode.AUTOMATIC, "ida"), (Mode.PAUSED, "ida"), (Mode.PAUSED, "ben"), (Mode.MANUAL, "ben")]
        )
    ]
    assert done == [False, True, False, True]
    kept = people.execute("select account_id, mode, since, author from app.capture_modes order by since").fetchall()
    assert kept == [
        (NORA, "paused", NOW + timedelta(hours=1), "ida"),
        (NORA, "manual", NOW + timedelta(hours=3), "ben"),
    ]


def test_the_list_shows_the_mode_of_every_account_connected_or_not(people: psycopg.Connection) -> None:
    set_mode(people, NORA, Mode.PAUSED, "ida", NOW)
    set_mode(people, NORA, Mode.AUTOMATIC, "ida", NOW + timedelta(hours=1))
    set_mode(people, OMAR, Mode.PAUSED, "ida", NOW)
    set_mode(people, LENA, Mode.MANUAL, "ida", NOW)
    assert {one.username: one.mode for one in list_accounts(people)} == {
        "lena": "manual",
        "nora": "automatic",
        "omar": "paused",
    }
    assert resting(people) == {OMAR: Mode.PAUSED, LENA: Mode.MANUAL}


def test_the_last_wish_holds_even_by_a_clock_that_was_set_back(people: psycopg.Connection) -> None:
    for mode, back in ((Mode.PAUSED, 0), (Mode.MANUAL, 0), (Mode.AUTOMATIC, 1), (Mode.PAUSED, 2)):
        assert set_mode(people, NORA, mode, "ida", NOW - timedelta(hours=back))
        assert resting(people) == ({} if mode is Mode.AUTOMATIC else {NORA: mode})
