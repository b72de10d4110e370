"""The purge of stories that count for no campaign: what goes, what stays, and what may not come back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.dbt.world import AS_OF, at, fill, insert, landed, reading

from storykeep.capture import clocks
from storykeep.capture.planner import StoryClock
from storykeep.errors import StorykeepError
from storykeep.landing.loader import land
from storykeep.landing.rows import MediaFile, Story, StoryInsight, StoryListing
from storykeep.landing.tombstones import story_hash
from storykeep.quality import approval
from storykeep.settings import Keep, Settings
from storykeep.transform.publish import publish
from storykeep.transform.purge import purge_unmatched
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
# 101 and 103 are of a campaign, 102 is not; 104 to 106 have not expired for a day yet.
OF_CAMPAIGN = ("101", "103")
OURS, SHARED, THUMBNAIL = (letter * 64 for letter in "cde")
NOTHING = {"stories purged": 0, "files deleted": 0, "dead letters deleted": 0}


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """As the owner, who may make up rows at will."""
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        conn.autocommit = True
        yield conn


@pytest.fixture
def settings(warehouse: Settings, conn: psycopg.Connection) -> Settings:
    """The small world with the clocks, files and listings of its stories, and its campaigns published as of AS_OF."""
    fill(conn)
    for story_id, posted_at in (("101", at(10, 8)), ("102", at(10, 9)), ("103", at(10, 10)), ("105", at(12, 6))):
        values = {"account_id": "acc-a", "posted_at": posted_at, "expires_at": posted_at + DAY}
        insert(conn, "app.story_clock", story_id=story_id, first_seen_at=posted_at, **values)
    insert(conn, "app.refused_metrics", media_id="102", metric="reposts", refused_at=at(10, 10))
    for minute, shown in ((31, ("101", "102")), (32, ("102",)), (33, ("101", "103"))):
        landed(conn, "story_listings", at(10, 12, minute), status="ok", payload=dict.fromkeys(shown, "content hash"))
    for story_id, kind, file in (
        ("102", "media", OURS),
        ("102", "thumbnail", SHARED),
        ("103", "media", SHARED),
        ("101", "thumbnail", THUMBNAIL),
    ):
        path = f"{file[:2]}/{file}.jpg"
        landed(
            conn,
            "media_files",
            at(10, 11),
            story_id=story_id,
            kind=kind,
            status="archived",
            content_hash=file,
            path=path,
        )
        target = Path(warehouse.media_root) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    settings = replace(warehouse, keep=Keep(matched_only=True, purge_after=DAY))
    published(settings)
    return settings


def published(settings: Settings, as_of: datetime = AS_OF, matched: tuple[str, ...] = OF_CAMPAIGN) -> None:
    """Publish which stories are of a campaign, with every raw row taken in."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        conn.execute(
            "create table if not exists build.fct_campaign_content"
            " (campaign_id text default 'campaign', story_id text primary key)"
        )
        conn.execute("delete from build.fct_campaign_content")
        conn.execute("insert into build.fct_campaign_content (story_id) select unnest(%s::text [])", [list(matched)])
        newest = conn.execute("select max(landing_id) from raw.stories").fetchone()
    approval.approve(settings, as_of)
    assert newest is not None
    publish(settings, as_of, {"stories": newest[0]})


def stories(conn: psycopg.Connection, table: str) -> set[str]:
    return {story for (story,) in conn.execute(f"select distinct story_id from {table}").fetchall()}  # noqa: S608 (names of ours)


def files(settings: Settings) -> set[str]:
    return {path.stem for path in Path(settings.media_root).rglob("*") if path.is_file()}


def test_all_of_a_story_of_no_campaign_goes_and_a_count_stays(settings: Settings, conn: psycopg.Connection) -> None:
    counts = purge_unmatched(settings, AS_OF)
    assert counts == {"stories purged": 1, "files deleted": 1, "dead letters deleted": 0}
    assert stories(conn, "raw.stories") == {"101", "103", "104", "105", "106"}
    assert stories(conn, "raw.story_insights") == {"101", "103", "104", "105"}
    assert stories(conn, "raw.media_files") == {"101", "103"}
    assert stories(conn, "app.story_clock") == {"101", "103", "105"}
    assert conn.execute("select count(*) from app.refused_metrics").fetchone() == (0,)
    assert files(settings) == {SHARED, THUMBNAIL}
    left = conn.execute("select account_id, day, stories, purged_at from app.purged_stories").fetchall()
    assert left == [("acc-a", at(10, 0).date(), 1, AS_OF)]
    assert conn.execute("select * from app.tombstones").fetchall() == [(story_hash("102"), AS_OF)]
    run = conn.execute("select kind, status, counts from app.runs").fetchall()
    assert run == [("maintain", "ok", counts)]


def test_what_retention_kept_of_it_goes_too(settings: Settings, conn: psycopg.Connection) -> None:
    conn.execute("insert into raw.story_insights_kept select * from raw.story_insights")
    assert stories(conn, "raw.story_insights_kept") >= {"101", "102"}
    purge_unmatched(settings, AS_OF)
    assert stories(conn, "raw.story_insights_kept") == stories(conn, "raw.story_insights")


def test_a_listing_stays_and_still_tells_how_many_stories_it_showed(
    settings: Settings, conn: psycopg.Connection
) -> None:
    purge_unmatched(settings, AS_OF)
    payloads = conn.execute("select payload from raw.story_listings where payload <> '{}' order by captured_at")
    assert [set(payload) for (payload,) in payloads] == [
        {"101", story_hash("102")},
        {story_hash("102")},
        {"101", "103"},
    ]


def test_a_second_purge_finds_nothing(settings: Settings, conn: psycopg.Connection) -> None:
    purge_unmatched(settings, AS_OF)
    assert purge_unmatched(settings, AS_OF + DAY / 24) == NOTHING
    assert conn.execute("select sum(stories) from app.purged_stories").fetchone() == (1,)


def test_stories_of_one_day_add_up_over_several_purges(settings: Settings, conn: psycopg.Connection) -> None:
    purge_unmatched(settings, AS_OF)
    published(settings, AS_OF, matched=("103",))
    later = AS_OF + DAY / 24
    assert purge_unmatched(settings, later)["stories purged"] == 1
    assert conn.execute("select stories, purged_at from app.purged_stories").fetchall() == [(2, later)]
    assert files(settings) == {SHARED}


def test_nothing_of_a_purged_story_lands_again(settings: Settings, conn: psycopg.Connection) -> None:
    purge_unmatched(settings, AS_OF)
    shared: dict[str, Any] = {"account_id": "acc-a", "captured_at": at(11, 8, 59), "run_id": "late"}
    replies = {"api_version": "v26.0", "content_hash": "f" * 64}
    late = [
        Story(story_id="102", payload={"id": "102"}, **shared, **replies),
        StoryInsight(story_id="102", metric_group="core", status="ok", payload={"data": []}, **shared, **replies),
        StoryInsight(story_id="103", metric_group="core", status="ok", payload={"data": []}, **shared, **replies),
        MediaFile(story_id="102", kind="media", status="missing", cause="no_link", **shared),
        StoryListing(status="ok", payload={"102": "hash", "103": "hash"}, **shared, **replies),
    ]
    with connect(settings.warehouse, "storykeep_ingest") as ingest:
        assert land(ingest, late) == {"story_insights": 1, "story_listings": 1}
        seen = [StoryClock(story, "acc-a", at(10, 9), at(11, 9), None) for story in ("102", "107")]
        clocks.seen(ingest, seen, at(11, 8, 59))
    for table in ("raw.stories", "raw.story_insights", "raw.media_files", "app.story_clock"):
        assert "102" not in stories(conn, table)
    assert "107" in stories(conn, "app.story_clock")
    (payload,) = conn.execute("select payload from raw.story_listings where run_id = 'late'").fetchone() or (None,)
    assert payload == {story_hash("102"): "hash", "103": "hash"}


@pytest.mark.parametrize("keep", [Keep(), Keep(matched_only=True)])
def test_no_other_policy_purges(settings: Settings, conn: psycopg.Connection, keep: Keep) -> None:
    assert purge_unmatched(replace(settings, keep=keep), AS_OF) == {}
    assert "102" in stories(conn, "raw.stories")
    assert conn.execute("select count(*) from app.runs").fetchone() == (0,)


def test_nothing_is_purged_before_its_days_are_over(settings: Settings, conn: psycopg.Connection) -> None:
    due_at = at(12, 9)
    assert purge_unmatched(settings, due_at - timedelta(seconds=1)) == NOTHING
    assert purge_unmatched(settings, due_at)["stories purged"] == 1


def test_marts_of_a_moment_when_the_story_was_not_due_doom_nothing(
    settings: Settings, conn: psycopg.Connection
) -> None:
    published(settings, at(12, 8, 59))
    assert purge_unmatched(settings, AS_OF) == NOTHING
    published(settings, at(12, 9))
    assert purge_unmatched(settings, AS_OF)["stories purged"] == 1


def test_marts_that_have_not_taken_in_every_row_of_a_story_doom_nothing(
    settings: Settings, conn: psycopg.Connection
) -> None:
    late = {"id": "102", "timestamp": "2026-11-10T09:00:00+0000", "caption": "#glow"}
    landed(conn, "stories", at(10, 23), story_id="102", payload=late, content_hash="9" * 64)
    assert purge_unmatched(settings, AS_OF) == NOTHING
    published(settings, AS_OF)
    assert purge_unmatched(settings, AS_OF)["stories purged"] == 1


def test_nothing_is_purged_before_anything_is_published(warehouse: Settings, conn: psycopg.Connection) -> None:
    fill(conn)
    values = {"account_id": "acc-a", "posted_at": at(10, 9), "expires_at": at(11, 9), "first_seen_at": at(10, 9)}
    insert(conn, "app.story_clock", story_id="102", **values)
    settings = replace(warehouse, keep=Keep(matched_only=True, purge_after=DAY))
    assert purge_unmatched(settings, AS_OF + 30 * DAY) == NOTHING
    assert "102" in stories(conn, "raw.stories")


def test_a_file_that_cannot_be_deleted_keeps_its_rows_for_the_next_try(
    settings: Settings, conn: psycopg.Connection
) -> None:
    target = Path(settings.media_root) / OURS[:2] / f"{OURS}.jpg"
    target.unlink()
    (target / "in the way").mkdir(parents=True)
    with pytest.raises(StorykeepError, match=r"a file cannot be deleted: .* -> mend the storage") as failure:
        purge_unmatched(settings, AS_OF)
    assert settings.media_root in str(failure.value)
    assert "102" in stories(conn, "raw.stories")
    assert conn.execute("select count(*) from app.tombstones").fetchone() == (0,)
    assert conn.execute("select status from app.runs").fetchall() == [("failed",)]
    (target / "in the way").rmdir()
    target.rmdir()
    assert purge_unmatched(settings, AS_OF)["stories purged"] == 1


def test_the_next_build_starts_anew_after_a_purge_and_only_then(settings: Settings, conn: psycopg.Connection) -> None:
    with connect(settings.warehouse, "storykeep_transform") as transform:
        transform.execute("create table intermediate.last_build as select now() as as_of")

    def is_there() -> bool:
        with connect(settings.warehouse, "storykeep_transform") as transform:
            return transform.execute("select from intermediate.last_build").rowcount == 1

    purge_unmatched(settings, at(12, 8))
    assert is_there()
    purge_unmatched(settings, AS_OF)
    assert not is_there()


def test_replies_that_could_not_be_taken_in_go_when_every_story_that_they_may_hold_is_due(
    settings: Settings, conn: psycopg.Connection
) -> None:
    for captured_at in (at(10, 11, 59), at(10, 12), at(10, 12, 1)):
        body, digest = b'{"id": "1", "caption": "\\u0000"}', f"{captured_at:%H%M}"
        landed(conn, "dead_letters", captured_at, endpoint="stories", reason="NUL", body=body, content_hash=digest)
    assert purge_unmatched(settings, AS_OF)["dead letters deleted"] == 2
    assert conn.execute("select captured_at from raw.dead_letters").fetchall() == [(at(10, 12, 1),)]


def test_a_story_whose_node_never_landed_goes_without_being_counted(
    settings: Settings, conn: psycopg.Connection
) -> None:
    values = {"account_id": "acc-a", "posted_at": at(10, 9), "expires_at": at(11, 9), "first_seen_at": at(10, 9)}
    insert(conn, "app.story_clock", story_id="109", **values)
    reading(conn, "109", at(11, 1), views=7)
    assert purge_unmatched(settings, AS_OF)["stories purged"] == 2
    assert "109" not in stories(conn, "raw.story_insights") | stories(conn, "app.story_clock")
    assert conn.execute("select stories from app.purged_stories").fetchall() == [(1,)]


def test_many_stories_go_in_batches(
    settings: Settings, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storykeep.transform.purge.BATCH", 1)
    published(settings, AS_OF, matched=())
    assert purge_unmatched(settings, AS_OF) == {"stories purged": 3, "files deleted": 4, "dead letters deleted": 0}
    assert files(settings) == set()


def test_a_story_that_still_runs_is_purged_by_nobody(settings: Settings) -> None:
    with (
        connect(settings.warehouse, "storykeep_ingest") as ingest,
        pytest.raises(psycopg.errors.RaiseException, match="a story that still runs is not purged"),
    ):
        ingest.execute("select raw.purge_stories(%s, %s)", [["102", "105"], AS_OF])


@pytest.mark.parametrize("role", ["storykeep_transform", "storykeep_bi"])
def test_only_ingest_may_purge(warehouse: Settings, role: str) -> None:
    for call in ("raw.purge_stories('{}', now())", "raw.purge_dead_letters(now())"):
        with connect(warehouse.warehouse_admin) as admin:
            admin.execute(f"grant {role} to current_user")  # only so that the test can try
            admin.execute(f"set role {role}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                admin.execute(f"select {call}")
