"""Snoozes and the forecast over a real warehouse."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from storykeep.accounts.forecast import Deliverable, deliverables, lapses
from storykeep.accounts.registry import account_id_of, import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.snooze import snooze, snoozed
from storykeep.accounts.vault import Vault

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NORA, OMAR = map(account_id_of, ("1001", "1002"))


@pytest.fixture
def people(conn: psycopg.Connection, vault: Vault) -> psycopg.Connection:
    rows = [
        f"facebook,1001,nora,EAAtoken-of-nora,,{(NOW + 9 * DAY).isoformat()},,",
        "instagram,1002,omar,IGAAtoken-of-omar,,,,",
    ]
    import_accounts(conn, vault, "\n".join([",".join(COLUMNS), *rows]), NOW)
    conn.execute("insert into app.brands (brand_id, name, time_zone, currency) values ('b', 'B', 'UTC', 'EUR')")
    return conn


def until(conn: psycopg.Connection, now: datetime = NOW) -> dict[str, datetime]:
    return {account_id: one.until_at for account_id, one in snoozed(conn, now).items()}


def test_the_newest_word_holds_and_an_end_in_the_past_wakes(people: psycopg.Connection) -> None:
    snooze(people, NORA, NOW + 9 * DAY, "ida", NOW)
    snooze(people, OMAR, NOW + 2 * DAY, "ida", NOW)
    assert list(until(people).items()) == [(OMAR, NOW + 2 * DAY), (NORA, NOW + 9 * DAY)]
    snooze(people, NORA, NOW + DAY, "bo", NOW)
    assert until(people)[NORA] == NOW + DAY
    assert until(people, NOW + DAY) == {OMAR: NOW + 2 * DAY}
    snooze(people, OMAR, NOW, "bo", NOW)
    assert until(people) == {NORA: NOW + DAY}


def test_every_snooze_is_kept_with_its_author_and_committed(people: psycopg.Connection) -> None:
    for author in ("ida", "bo"):
        snooze(people, NORA, NOW + DAY, author, NOW)
    people.rollback()
    kept = people.execute("select account_id, snoozed_at, until_at, author from app.snoozes order by snooze_id")
    assert kept.fetchall() == [(NORA, NOW, NOW + DAY, "ida"), (NORA, NOW, NOW + DAY, "bo")]


def take_part(conn: psycopg.Connection, campaign: str, ends_at: datetime, *spans: tuple[str, datetime]) -> None:
    begin = NOW - 20 * DAY
    conn.execute("insert into app.campaigns values (%s, 'b', 'C', %s, %s, 0, 'EUR')", [campaign, begin, ends_at])
    for account_id, valid_to in spans:
        values = [campaign, account_id, begin, valid_to]
        conn.execute("insert into app.campaign_participants values (%s, %s, %s, %s)", values)


def test_a_deliverable_ends_with_the_part_or_the_campaign_and_lives_for_a_day(people: psycopg.Connection) -> None:
    take_part(people, "running", NOW + 30 * DAY, (NORA, NOW + 40 * DAY), (OMAR, NOW + 5 * DAY))
    take_part(people, "living on", NOW - DAY / 2, (NORA, NOW + 40 * DAY))
    take_part(people, "over", NOW - DAY, (NORA, NOW + 40 * DAY))
    assert set(deliverables(people, NOW)) == {
        Deliverable(NORA, "running", NOW + 30 * DAY),
        Deliverable(OMAR, "running", NOW + 5 * DAY),
        Deliverable(NORA, "living on", NOW - DAY / 2),
    }


def promise(conn: psycopg.Connection, campaign: str, name: str, account_id: str | None, due_at: datetime) -> None:
    conn.execute(
        "insert into app.deliverables values (%s, %s, %s, 'story', 1, %s)", [campaign, name, account_id, due_at]
    )


def test_who_has_promised_something_is_needed_until_the_last_of_it_is_due(people: psycopg.Connection) -> None:
    take_part(people, "c", NOW + 30 * DAY, (NORA, NOW + 30 * DAY), (OMAR, NOW + 30 * DAY))
    promise(people, "c", "of nora", NORA, NOW + 6 * DAY)
    assert set(deliverables(people, NOW)) == {
        Deliverable(NORA, "c", NOW + 6 * DAY),
        Deliverable(OMAR, "c", NOW + 30 * DAY),
    }
    assert lapses(people, NOW) == []
    promise(people, "c", "of each", None, NOW + 20 * DAY)
    assert set(deliverables(people, NOW)) == {
        Deliverable(NORA, "c", NOW + 20 * DAY),
        Deliverable(OMAR, "c", NOW + 20 * DAY),
    }
    assert [lapse.needed_until for lapse in lapses(people, NOW)] == [NOW + 21 * DAY]


def test_a_promise_after_the_end_of_a_part_needs_nobody_longer(people: psycopg.Connection) -> None:
    take_part(people, "c", NOW + 30 * DAY, (NORA, NOW + 5 * DAY))
    promise(people, "c", "late", NORA, NOW + 9 * DAY)
    assert deliverables(people, NOW) == [Deliverable(NORA, "c", NOW + 5 * DAY)]


def test_who_comes_twice_in_a_campaign_is_needed_until_the_second_end(people: psycopg.Connection) -> None:
    take_part(people, "c", NOW + 30 * DAY, (NORA, NOW + 2 * DAY))
    again = ["c", NORA, NOW + 3 * DAY, NOW + 20 * DAY]
    people.execute("insert into app.campaign_participants values (%s, %s, %s, %s)", again)
    (lapse,) = lapses(people, NOW)
    assert (lapse.username, lapse.lapses_at, lapse.needed_until) == ("nora", NOW + 9 * DAY, NOW + 21 * DAY)
