"""`storykeep report --as-known-at` tells again what was told once, and a rebuild shows a brand no more than before."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg
import pytest
from pydantic import SecretStr
from rich.console import Console
from tests.dbt.world import AS_OF, at, fill, insert, landed, reading
from typer.testing import CliRunner

from storykeep.access.logins import grant
from storykeep.campaigns.versions import record
from storykeep.cli import app
from storykeep.clock import system_clock
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.report.campaigns import gather, render
from storykeep.settings import Settings
from storykeep.transform.build import build_marts
from storykeep.transform.rebuild import BUILT, SCHEMAS, as_known_at
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

LATER = AS_OF + timedelta(hours=1)
CAMPAIGNS = (None, "tagged", "everything")


@dataclass(frozen=True)
class Told:
    """What reports said when they were sent, and when that was; `login` is that of the second brand."""

    settings: Settings
    at: datetime
    first: dict[str | None, str]
    second: dict[str | None, str]
    login: psycopg.Connection


@pytest.fixture(scope="module")
def told(new_warehouse: Callable[[], Settings], postgres: EmbeddedPostgres) -> Iterator[Told]:
    """The small world and a brand more, told, changed in every way, and told again."""
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        other_brand(conn)
        versions(conn)
    build_marts(settings, AS_OF)
    first = reports(settings)
    moment = system_clock()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        change(conn)
        versions(conn)
    build_marts(settings, LATER, anew=True)
    password = SecretStr("password-of-other")
    grant(settings, "other", "other_reader", "test", system_clock, password)
    with connect(replace(settings.warehouse, user="other_reader", password=password)) as login:
        login.autocommit = True
        yield Told(settings, moment, first, reports(settings), login)
    with connect(postgres.superuser) as conn:
        conn.execute("drop role other_reader")


def other_brand(conn: psycopg.Connection) -> None:
    insert(conn, "app.brands", brand_id="other", name="Other", time_zone="UTC", currency="EUR")
    moments = {"starts_at": at(10, 0), "ends_at": at(12, 0)}
    insert(conn, "app.campaigns", campaign_id="glowing", brand_id="other", name="Glowing", currency="EUR", **moments)
    insert(conn, "app.match_rules", campaign_id="glowing", kind="hashtag", value="glowing")
    moments = {"valid_from": at(9, 0), "valid_to": at(20, 0)}
    insert(conn, "app.campaign_participants", campaign_id="glowing", account_id="acc-a", **moments)


def versions(conn: psycopg.Connection) -> None:
    """Have every brand and campaign written down as it is."""
    for (brand_id,) in conn.execute("select brand_id from app.brands").fetchall():
        record(conn, "brand", brand_id, "test", system_clock())
    for (campaign_id,) in conn.execute("select campaign_id from app.campaigns").fetchall():
        record(conn, "campaign", campaign_id, "test", system_clock())


def change(conn: psycopg.Connection) -> None:
    """Readings and entries come, some of them late; campaigns, rosters, rules and brands are edited."""
    reading(conn, "105", at(12, 12, 30), views=77, reach=60)
    reading(conn, "102", at(11, 8, 55), views=350, reach=222, total_interactions=14)
    landed(conn, "story_listings", at(11, 14, 30), status="ok", payload={})
    for entry, entered_at in (("late", at(12, 11)), ("new", at(12, 12, 30))):
        insert(
            conn,
            "raw.manual_entries",
            entry_id=entry,
            version=1,
            kind="story_metrics",
            account_id="acc-a",
            story_id="101" if entry == "late" else "102",
            captured_at=entered_at,
            run_id="run",
            author="ida",
            payload={"observed_at": "2026-11-11T07:59:00Z", "metrics": {"views": 4321}},
            content_hash="0" * 64,
        )
        approved = {"entry_id": entry, "version": 1, "decided_by": "tom", "decision": "approved"}
        insert(conn, "app.entry_approvals", decided_at=at(12, 12, 40), **approved)
    conn.execute("update app.brands set name = 'Lumière' where brand_id = 'b1'")
    conn.execute("update app.campaigns set name = 'Aglow', cost = 900 where campaign_id = 'tagged'")
    conn.execute("delete from app.match_rules where kind = 'mention'")
    moments = {"valid_from": at(9, 0), "valid_to": at(20, 0)}
    insert(conn, "app.campaign_participants", campaign_id="tagged", account_id="acc-b", **moments)
    shared = {"brand_id": "b1", "currency": "EUR", "starts_at": at(10, 0), "ends_at": at(12, 0)}
    insert(conn, "app.campaigns", campaign_id="added", name="Added since", **shared)


def text(report: object) -> str:
    """A report as it is printed, up to how the accounts stand today."""
    screen = Console(file=io.StringIO(), width=80)
    render(report, screen)  # type: ignore[arg-type]
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().partition("Accounts that need somebody")[0]


def reports(settings: Settings) -> dict[str | None, str]:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        return {campaign: text(gather(conn, campaign)) for campaign in CAMPAIGNS}


def standing(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    """Every table of the standing build, and what its rows and their places come to."""
    tables = conn.execute(
        "select oid::regclass::text, relfilenode from pg_class where relkind = 'r'"
        " and relnamespace::regnamespace::text in ('marts', 'build', 'intermediate', 'staging') order by 1"
    ).fetchall()
    content = "select count(*), md5(string_agg(t.ctid::text || t::text, '' order by t.ctid)) from {} as t"
    return [(name, file, conn.execute(content.format(name)).fetchone()) for name, file in tables]


def test_a_report_of_earlier_is_made_again_and_nothing_else_is_touched(told: Told) -> None:
    for campaign in CAMPAIGNS:
        assert told.first[campaign] != told.second[campaign]
    assert "Lumière" in told.second[None]
    assert "Added since" in told.second[None]
    with connect(told.settings.warehouse, "storykeep_transform") as conn:
        before = standing(conn)
    with as_known_at(told.settings, told.at) as (conn, publication):
        assert publication.as_of == AS_OF
        assert {campaign: text(gather(conn, campaign, BUILT)) for campaign in CAMPAIGNS} == told.first
    with connect(told.settings.warehouse, "storykeep_transform") as conn:
        assert standing(conn) == before
        left = conn.execute("select from pg_class where relnamespace::regnamespace::text = any(%s)", [list(SCHEMAS)])
        assert left.rowcount == 0
    assert reports(told.settings) == told.second


def test_the_console_says_what_it_is_and_leaves_out_how_accounts_stand_today(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "from_env", lambda: told.settings)
    outcome = CliRunner().invoke(app, ["report", "--as-known-at", told.at.isoformat()])
    assert outcome.exception is None, outcome.output
    lines = outcome.output.split("\n", 2)
    assert "the marts as of 2026-11-12 12:00, published at" in lines[0]
    assert lines[2] == told.first[None]


def test_before_the_first_publication_there_is_nothing_to_tell(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "from_env", lambda: told.settings)
    outcome = CliRunner().invoke(app, ["report", "--as-known-at", "2020-01-01T00:00:00Z"])
    assert "no publication is known from before 2020-01-01T00:00:00Z" in str(outcome.exception)
    assert "the first one is of 2" in str(outcome.exception)


def test_after_a_build_anew_a_brand_sees_its_own_story_of_a_shared_creator_alone(told: Told) -> None:
    assert told.login.execute("select brand_id from marts.dim_brands").fetchall() == [("other",)]
    assert told.login.execute("select story_id from marts.fct_stories").fetchall() == [("102",)]
    assert told.login.execute("select distinct story_id from marts.fct_story_readings").fetchall() == [("102",)]
    assert told.login.execute("select account_id from marts.dim_accounts").fetchall() == [("acc-a",)]
    campaigns = told.login.execute("select campaign_id from marts.fct_campaign_performance").fetchall()
    assert campaigns == [("glowing",)]
