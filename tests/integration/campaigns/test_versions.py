"""What was known of campaigns when, and by whom it was changed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storykeep.accounts.registry import account_id_of
from storykeep.campaigns.history import show
from storykeep.campaigns.registry import import_campaigns
from storykeep.campaigns.switches import switch, switches
from storykeep.errors import StorykeepError

from .conftest import NOW, rewrite

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


def all_versions(conn: psycopg.Connection, kind: str) -> list[tuple[Any, ...]]:
    return conn.execute(
        f"select version, recorded_at, author, document from app.{kind}_versions order by version"  # noqa: S608
    ).fetchall()


def test_the_first_version_is_the_whole_of_it(conn: psycopg.Connection, path: Path) -> None:
    conn.execute("set timezone = 'Pacific/Auckland'")
    import_campaigns(conn, path, "ida", NOW)
    nora, omar = account_id_of("1001"), account_id_of("1002")
    ((version, recorded_at, author, document),) = all_versions(conn, "campaign")
    assert (version, recorded_at, author) == (1, NOW, "ida")
    part = {"valid_to": "2026-11-08T00:00:00+00:00"}
    parts = [
        part | {"account_id": nora, "valid_from": "2026-11-01T00:00:00+00:00", "fee": None},
        part | {"account_id": omar, "valid_from": "2026-11-03T00:00:00+00:00", "fee": 450.5},
    ]
    assert document == {
        "campaign_id": "glow",
        "brand_id": "lumen",
        "name": "Glow Week",
        "starts_at": "2026-10-31T23:00:00+00:00",
        "ends_at": "2026-11-07T23:00:00+00:00",
        "cost": 3200,
        "currency": "EUR",
        "scope": "participants",
        "rules": [
            {"kind": "hashtag", "value": "glowweek"},
            {"kind": "link", "value": "lumen.example/glow"},
            {"kind": "mention", "value": "lumen.skin"},
        ],
        "participants": sorted(parts, key=lambda one: str(one["account_id"])),
        "deliverables": [
            {
                "deliverable_id": "reel",
                "account_id": omar,
                "kind": "reel",
                "quantity": 1,
                "due_at": "2026-11-05T12:00:00+00:00",
            },
            {
                "deliverable_id": "stories",
                "account_id": None,
                "kind": "story",
                "quantity": 3,
                "due_at": "2026-11-07T12:00:00+00:00",
            },
        ],
    }
    ((_, _, _, brand),) = all_versions(conn, "brand")
    assert (brand["brand_id"], brand["time_zone"]) == ("lumen", "Europe/Berlin")


def test_dates_that_are_changed_after_the_fact_are_seen_with_who_and_when(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    rewrite(path, "ends_at: 2026-11-08", "ends_at: 2026-11-20")
    import_campaigns(conn, path, "bo", NOW + HOUR)
    seen = [(version, at, who, doc["ends_at"]) for version, at, who, doc in all_versions(conn, "campaign")]
    assert seen == [
        (1, NOW, "ida", "2026-11-07T23:00:00+00:00"),
        (2, NOW + HOUR, "bo", "2026-11-19T23:00:00+00:00"),
    ]
    assert len(all_versions(conn, "brand")) == 1


def test_no_version_is_recorded_before_the_one_that_it_replaces(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    rewrite(path, "cost: 3200", "cost: 3300")
    import_campaigns(conn, path, "bo", NOW - HOUR)
    assert [at for _, at, _, _ in all_versions(conn, "campaign")] == [NOW, NOW]


def test_a_switch_counts_from_its_moment_on_and_keeps_its_history(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    assert switch(conn, "glow", False, "ida", NOW) is None
    assert switches(conn, "glow") == []
    on = switch(conn, "glow", True, "ida", NOW + HOUR, "the brand asked")
    assert switch(conn, "glow", True, "bo", NOW + 2 * HOUR) is None
    off = switch(conn, "glow", False, "bo", NOW + 3 * HOUR)
    assert on and off
    assert switches(conn, "glow") == [on, off]
    assert (on.switched_at, on.author, on.reason) == (NOW + HOUR, "ida", "the brand asked")
    assert (off.switched_at, off.is_on, off.reason) == (NOW + 3 * HOUR, False, None)


def test_no_switch_is_turned_before_it_was_turned_last(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    switch(conn, "glow", True, "ida", NOW)
    off = switch(conn, "glow", False, "ida", NOW - HOUR)
    assert off and off.switched_at == NOW
    assert [turn.is_on for turn in switches(conn, "glow")] == [True, False]


def test_a_campaign_that_is_not_there_is_told(conn: psycopg.Connection) -> None:
    for ask in (lambda: switch(conn, "glow", True, "ida", NOW), lambda: show(conn, "glow")):
        with pytest.raises(StorykeepError, match="glow: there is no such campaign"):
            ask()


def test_the_history_tells_every_change_in_its_order(conn: psycopg.Connection, path: Path) -> None:
    import_campaigns(conn, path, "ida", NOW)
    shown = show(conn, "glow")
    switch(conn, "glow", True, "bo", NOW + HOUR, "the brand asked")
    rewrite(path, "time_zone: Europe/Berlin", "time_zone: UTC")
    rewrite(path, "cost: 3200", "cost: 3300")
    import_campaigns(conn, path, "cy", NOW + 2 * HOUR)
    assert shown.lines[-1] == "manual tracking: off"
    shown = show(conn, "glow")
    assert shown.lines[-1] == "manual tracking: on"
    assert "cost: 3300.00" in shown.lines
    assert "participant @nora: from 2026-11-01 00:00:00 UTC, to 2026-11-08 00:00:00 UTC" in shown.lines
    assert [(event.at, event.author, event.what, event.lines) for event in shown.events] == [
        (NOW, "ida", "brand recorded (version 1)", ()),
        (NOW, "ida", "campaign recorded (version 1)", ()),
        (NOW + HOUR, "bo", "manual tracking switched on: the brand asked", ()),
        (NOW + 2 * HOUR, "cy", "brand changed (version 2)", ("~ time_zone: Europe/Berlin -> UTC",)),
        (NOW + 2 * HOUR, "cy", "campaign changed (version 2)", ("~ cost: 3200.00 -> 3300.00",)),
    ]


def test_what_was_there_before_versions_were_kept_counts_as_known_at_all_times(
    conn: psycopg.Connection, path: Path
) -> None:
    import_campaigns(conn, path, "ida", NOW)
    with psycopg.connect(conn.info.dsn, password=conn.info.password) as owner:
        owner.execute("set role storykeep_owner")
        owner.execute("update app.campaign_versions set recorded_at = 'epoch', author = 'storykeep db upgrade'")
    first = show(conn, "glow").events[0]
    assert (first.at, first.author) == (None, "storykeep db upgrade")
