"""The export is a file that imports back to what is there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from storykeep.campaigns.export import export_campaigns
from storykeep.campaigns.registry import ImportResult, import_campaigns
from storykeep.errors import StorykeepError

from .conftest import NOW

pytestmark = pytest.mark.integration

LINE = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=30).filter(
    lambda text: text.strip() and text.isprintable()
)
MOMENT = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
MONEY = st.none() | st.integers(0, 99_999_999_999_999).map(lambda cents: float(f"{cents // 100}.{cents % 100:02}"))
WORD = st.text(st.characters(categories=("L", "N"), include_characters="._"), min_size=1, max_size=20)
LINK = st.from_regex(
    r"(https?://)?(www\.)?[a-zA-Z0-9]{1,9}(-[a-z]{1,3})?\.[a-z]{2,5}(/[A-Za-z0-9@%._-]{1,9}){0,2}/?", fullmatch=True
)
RULES = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from(["hashtag", "mention"]), "value": WORD})
    | st.fixed_dictionaries({"kind": st.just("link"), "value": LINK}),
    max_size=4,
    unique_by=lambda rule: (rule["kind"], rule["value"].casefold()),
)


@st.composite
def participants(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for username in draw(st.sets(st.sampled_from(["nora", "omar"]))):
        moments = sorted(draw(st.lists(MOMENT, min_size=2, max_size=6, unique=True)))
        for since, until in zip(moments[::2], moments[1::2], strict=False):
            found.append({"username": username, "from": since.isoformat(), "to": until, "fee": draw(MONEY)})
    return found


@st.composite
def campaigns(draw: st.DrawFn, campaign_id: str) -> dict[str, Any]:
    starts_at, ends_at = sorted(draw(st.lists(MOMENT, min_size=2, max_size=2, unique=True)))
    roster, rules = draw(participants()), draw(RULES)
    promised = st.fixed_dictionaries(
        {
            "deliverable_id": LINE.map(str.strip),
            "username": st.sampled_from([None, *(part["username"] for part in roster)]),
            "kind": st.sampled_from(["story", "post", "reel"]),
            "quantity": st.integers(1, 10_000),
            "due_at": st.timedeltas(timedelta(microseconds=1), timedelta(days=900)).map(
                lambda after: starts_at + after
            ),
        }
    )
    return {
        "campaign_id": campaign_id,
        "brand_id": "b",
        "name": draw(LINE),
        "starts_at": starts_at,
        "ends_at": ends_at.isoformat(),
        "cost": draw(MONEY),
        "currency": draw(st.sampled_from(["EUR", "USD"])),
        "scope": draw(st.sampled_from(["participants", "all"] if rules else ["participants"])),
        "rules": rules,
        "participants": roster,
        "deliverables": draw(st.lists(promised, max_size=3, unique_by=lambda one: one["deliverable_id"])),
    }


FILES = st.fixed_dictionaries(
    {
        "brands": st.fixed_dictionaries(
            {
                "brand_id": st.just("b"),
                "name": LINE,
                "time_zone": st.sampled_from(["UTC", "Europe/Berlin"]),
                "currency": st.just("EUR"),
                "contact": st.sampled_from([None, "ida@lumen.example"]),
            }
        ).map(lambda brand: [brand]),
        "campaigns": st.tuples(campaigns("no"), campaigns("2026-11-21")).map(list),
    }
)


def take_in(conn: psycopg.Connection, path: Path, text: str) -> ImportResult:
    path.write_text(text, encoding="utf-8")
    return import_campaigns(conn, path, "ida", NOW)


def versions(conn: psycopg.Connection) -> list[Any]:
    return conn.execute(
        "select 'b', xmin::text, brand_id, version from app.brand_versions"
        " union all select 'c', xmin::text, campaign_id, version from app.campaign_versions order by 1, 3, 4"
    ).fetchall()


# Each file is imported over the one before: that, too, has to come back as it is.
@profile(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(file=FILES)
def test_what_is_exported_imports_back_to_no_change(
    conn: psycopg.Connection, tmp_path: Path, file: dict[str, Any]
) -> None:
    path = tmp_path / "campaigns.yaml"
    result = take_in(conn, path, yaml.safe_dump(file, allow_unicode=True))
    assert result.faults == ()
    before = versions(conn)
    exported = export_campaigns(conn)
    again = take_in(conn, path, exported)
    assert (again.campaigns, again.changes, again.faults) == (2, (), ())
    assert versions(conn) == before
    assert export_campaigns(conn) == exported


def test_the_export_of_one_warehouse_makes_the_other(conn: psycopg.Connection, path: Path, tmp_path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    exported = export_campaigns(conn)
    assert [line for line in exported.splitlines() if "omar" in line] == [
        "  - {username: omar, from: '2026-11-03T00:00:00Z', to: '2026-11-08T00:00:00Z', fee: 450.50}",
        "  - {deliverable_id: reel, username: omar, kind: reel, quantity: 1, due_at: '2026-11-05T12:00:00Z'}",
    ]
    for table in ("deliverables", "match_rules", "campaign_participants", "campaigns", "brands"):
        with psycopg.connect(conn.info.dsn, password=conn.info.password) as owner:
            owner.execute("set role storykeep_owner")
            owner.execute(f"delete from app.{table}")  # noqa: S608
    assert len(take_in(conn, tmp_path / "exported.yaml", exported).changes) == 2
    assert export_campaigns(conn) == exported


def test_an_empty_warehouse_exports_a_file_that_can_be_imported(conn: psycopg.Connection, tmp_path: Path) -> None:
    assert take_in(conn, tmp_path / "none.yaml", export_campaigns(conn)) == ImportResult(0, 0, (), ())


def test_a_handle_that_two_accounts_have_is_refused(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    conn.execute("update app.accounts set username = 'nora'")
    with pytest.raises(StorykeepError, match="campaign 'glow': 2 accounts have the handle @nora"):
        export_campaigns(conn)
