"""Ticks against the sandbox: what lands, what it costs when something goes wrong, and whom."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from storykeep.accounts.modes import Mode, set_mode
from storykeep.capture.engine import capture, raise_trouble
from storykeep.capture.media import archive_media
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import open_clients
from storykeep.sandbox import switches
from storykeep.settings import Connection

from .conftest import Scene

pytestmark = pytest.mark.integration

MINUTES_5 = timedelta(minutes=5)
RAW = ("story_listings", "stories", "story_insights", "media_files", "dead_letters")
VIEWS = """
    select distinct on (story_id) story_id, (metric -> 'values' -> 0 ->> 'value')::int
    from raw.story_insights, jsonb_array_elements(payload -> 'data') as metric
    where metric ->> 'name' = 'views' and status = 'ok'
    order by story_id, captured_at desc
"""


def raw_counts(scene: Scene) -> dict[str, int]:
    return {table: scene.one(f"select count(*) from raw.{table}") for table in RAW}  # noqa: S608 (fixed names)


def accounts_with(scene: Scene, table: str = "story_listings") -> set[str]:
    ok = "and status = 'ok'" if table == "story_listings" else ""
    query = f"select distinct ig_user_id from raw.{table} join app.accounts using (account_id) where true {ok}"  # noqa: S608 (fixed names)
    return {ig_user_id for (ig_user_id,) in scene.all(query)}


def a_connected_account(scene: Scene, flavour: str) -> str:
    """An account of this flavour with a live story, whose token and permissions are good."""
    return next(
        story["ig_user_id"]
        for story in scene.live().values()
        if story["login_flavour"] == flavour and story["cause"] is None
    )


def test_a_tick_lands_every_live_story_with_the_numbers_of_the_truth(scene: Scene) -> None:
    scene.tick()
    live = scene.live()
    assert live
    assert {story_id for (story_id,) in scene.all("select story_id from raw.stories")} == set(live)
    kept = dict(scene.all(VIEWS))
    assert kept
    assert kept == {story_id: live[story_id]["views"] for story_id in kept}
    read = {story_id for (story_id,) in scene.all("select distinct story_id from raw.story_insights")}
    assert read == {story_id for story_id, story in live.items() if story["cause"] != "permission"} | {
        story_id for (story_id,) in scene.all("select story_id from raw.story_insights where status = 'refused'")
    }


def test_all_groups_of_a_story_land_with_its_clock(scene: Scene) -> None:
    scene.tick()
    groups = scene.all(
        "select login_flavour, array_agg(metric_group order by metric_group), bool_and(captured_at = read_at)"
        " from raw.story_insights join app.story_clock using (story_id)"
        " join app.connections on connections.account_id = story_clock.account_id"
        " where raw.story_insights.status <> 'refused' group by story_id, login_flavour"
    )
    assert {flavour for flavour, _, _ in groups} == {"facebook", "instagram"}
    for flavour, names, is_clocked in groups:
        alone = {"link_clicks"} if flavour == "facebook" else set()
        assert is_clocked
        assert set(names) - {"total_views", "facebook_views"} == {"core", "navigation", "profile_activity"} | alone


def test_the_same_tick_again_changes_nothing(scene: Scene) -> None:
    scene.tick()
    before = raw_counts(scene)
    scene.tick()
    assert raw_counts(scene) == before


def test_few_viewers_are_withheld_and_a_missing_permission_is_not(scene: Scene) -> None:
    """Both come under code 10; one is a state of the data, the other of the connection."""
    scene.tick()
    withheld = {
        story_id for (story_id,) in scene.all("select story_id from raw.story_insights where status = 'withheld'")
    }
    assert {story_id for story_id, story in scene.live().items() if story["cause"] == "withheld"} <= withheld
    assert scene.all(
        "select distinct reason from raw.story_insights join app.connections using (account_id)"
        " where raw.story_insights.status = 'refused' and error_code = 10"
    ) == [("missing_scope",)]


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("error_190_463", "expired", "token_expired"),
        ("error_190_460", "revoked", "password_changed"),
        ("error_190_458", "revoked", "app_removed"),
    ],
)
def test_a_dead_token_ends_one_connection_and_costs_no_other(
    scene: Scene, flavour: str, kind: str, status: str, reason: str
) -> None:
    victim = a_connected_account(scene, flavour)
    scene.fault(kind, ig_user_id=victim)
    run = scene.tick()
    assert run.causes.keys() <= {"token", "permission"}
    assert scene.all(
        "select status, reason from app.connections join app.accounts using (account_id) where ig_user_id = %s", victim
    ) == [(status, reason)]
    others = {story["ig_user_id"] for story in scene.live().values()} - {victim}
    assert others <= accounts_with(scene)
    assert victim not in accounts_with(scene)
    calls = scene.control("GET", "log")
    scene.tick(MINUTES_5 * 3)
    assert calls_of(scene.control("GET", "log"), victim) == calls_of(calls, victim)


def calls_of(log: Any, ig_user_id: str) -> int:
    """How many requests and batch items the sandbox has counted for one account."""
    mine = [row for row in log["calls"] if row["ig_user_id"] == ig_user_id and row["endpoint"] != "cdn"]
    return sum(row["requests"] + row["batch_items"] for row in mine)


@pytest.mark.parametrize("flavour", ["facebook", "instagram"])
@pytest.mark.parametrize("kind", ["garbage", "html_503"])
def test_a_reply_that_cannot_be_read_is_kept_and_asked_for_again(scene: Scene, flavour: str, kind: str) -> None:
    victim = a_connected_account(scene, flavour)
    scene.fault(kind, ig_user_id=victim, endpoint="insights")
    run = scene.tick()
    assert set(run.causes) - {"token", "permission"} == {"api_unreachable"}
    assert victim not in accounts_with(scene, "story_insights")
    assert len(accounts_with(scene, "story_insights")) > 1
    if kind == "garbage":
        assert accounts_with(scene, "dead_letters") == {victim}
    scene.control("DELETE", "faults")
    scene.tick(MINUTES_5)
    assert victim in accounts_with(scene, "story_insights")


def test_a_metric_that_is_refused_costs_no_other_metric_and_is_remembered(scene: Scene) -> None:
    victim = a_connected_account(scene, "facebook")
    scene.fault("error_100", ig_user_id=victim, endpoint="insights", times=1)
    scene.tick()
    singles = {
        group for (group,) in scene.all("select metric_group from raw.story_insights where metric_group like 'core:%%'")
    }
    assert {"core:reach", "core:views", "core:navigation"} <= singles
    assert set(dict(scene.all(VIEWS))) >= {
        story_id for story_id, story in scene.live().items() if story["ig_user_id"] == victim and story["views"] > 100
    }


def test_a_throttled_account_is_left_in_peace_until_its_time(scene: Scene) -> None:
    victim = a_connected_account(scene, "facebook")
    scene.fault("throttle", ig_user_id=victim, minutes=20)
    run = scene.tick()
    assert "throttled" in run.causes
    scene.control("DELETE", "faults")
    before = calls_of(scene.control("GET", "log"), victim)
    scene.tick(timedelta(minutes=15))
    assert calls_of(scene.control("GET", "log"), victim) == before
    scene.tick(timedelta(minutes=10))
    assert victim in accounts_with(scene)


def test_an_api_out_of_reach_is_named_and_nothing_is_lost(scene: Scene) -> None:
    nowhere = Connection(host="http://127.0.0.1:9", login="1", password=SecretStr("x"))
    there = scene.settings
    scene.settings = replace(there, connections={**there.connections, "graph_facebook": nowhere})
    run = scene.tick()
    assert "api_unreachable" in run.causes
    assert accounts_with(scene)  # the other flavour went on
    with pytest.raises(StorykeepError, match="api_unreachable: @"):
        raise_trouble(run.causes)
    assert scene.one("select count(*) from raw.story_listings where cause = 'api_unreachable'")
    scene.settings = there
    scene.tick(MINUTES_5)
    assert {story["ig_user_id"] for story in scene.live().values()} <= accounts_with(scene)


def test_an_app_that_is_not_set_up_stops_only_its_own_accounts(scene: Scene) -> None:
    apps = {name: conn for name, conn in scene.settings.connections.items() if name != "graph_instagram"}
    scene.settings = replace(scene.settings, connections=apps)
    run = scene.tick()
    assert "our_outage" in run.causes
    assert accounts_with(scene)


def test_every_story_has_a_reading_in_its_last_ten_minutes(scene: Scene) -> None:
    scene.tick()
    story_id, story = next(
        (story_id, story) for story_id, story in scene.live().items() if story["served"] and story["viewers"] > 50
    )
    expires_at = datetime.fromisoformat(story["expires_at"])
    scene.now = expires_at - timedelta(minutes=12)
    for _ in range(4):
        scene.tick(MINUTES_5)
    last = scene.one("select max(captured_at) from raw.story_insights where story_id = %s", story_id)
    assert timedelta(0) < expires_at - last <= timedelta(minutes=5)


def test_a_story_that_is_first_seen_in_its_last_minutes_is_read_at_once(scene: Scene) -> None:
    scene.tick()
    story_id, story = next((story_id, story) for story_id, story in scene.live().items() if story["served"])
    scene.now = datetime.fromisoformat(story["expires_at"]) - timedelta(minutes=3)
    with scene.superuser() as owner:  # nobody else may forget
        owner.execute("delete from app.story_clock")
    scene.tick()
    assert scene.one("select tried_at from app.story_clock where story_id = %s", story_id) == scene.now


def test_media_is_archived_once_under_the_hash_of_its_bytes(scene: Scene) -> None:
    scene.tick()
    files = scene.all("select content_hash, path, size_bytes from raw.media_files where status = 'archived'")
    assert len(files) >= len(scene.live()) / 2
    for content_hash, path, size in files:
        body = (Path(scene.settings.media_root) / path).read_bytes()
        assert (hashlib.sha256(body).hexdigest(), len(body)) == (content_hash, size)
    before = raw_counts(scene)["media_files"]
    scene.tick(MINUTES_5)
    new_stories = scene.one("select count(*) from app.story_clock where first_seen_at = %s", scene.now)
    assert raw_counts(scene)["media_files"] - before <= 2 * new_stories


def test_a_storage_that_takes_no_files_is_named_and_costs_no_reading(scene: Scene, tmp_path: Path) -> None:
    blocked = tmp_path / "a file where a folder should be"
    blocked.touch()
    there = scene.settings
    scene.settings = replace(there, media_root=str(blocked))
    with pytest.raises(StorykeepError, match=r"cannot be kept.*free or mend the storage"):
        scene.tick()
    assert raw_counts(scene)["story_insights"] > 0
    scene.settings = there
    scene.tick(MINUTES_5)
    assert scene.one("select count(*) from raw.media_files where status = 'archived'") > 0


def test_a_dead_link_is_replaced_by_a_fresh_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "LINK_LIFE", timedelta(hours=1))
    clients = open_clients(scene.settings)
    capture(scene.conn, scene.settings, clients, fixed_clock(scene.now), "without media")
    scene.now += timedelta(hours=2)
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    archive_media(scene.conn, scene.settings, clients, fixed_clock(scene.now), "media alone")
    found = dict(scene.all("select status, count(*) from raw.media_files group by status"))
    assert found["archived"] >= len(scene.live()) / 2
    assert scene.one("select count(*) from raw.media_files where cause = 'http_403'") == 0


def test_a_refusal_of_everything_is_an_incident_and_not_remembered(scene: Scene) -> None:
    victim = a_connected_account(scene, "facebook")
    scene.fault("error_100", ig_user_id=victim, endpoint="insights")
    scene.tick()
    remembered = "select ig_user_id from app.refused_metrics join app.story_clock on story_id = media_id"
    refused = {ig_user_id for (ig_user_id,) in scene.all(f"{remembered} join app.accounts using (account_id)")}
    assert refused
    assert victim not in refused
    scene.control("DELETE", "faults")
    scene.tick(timedelta(hours=1))
    assert victim in {
        ig_user_id
        for (ig_user_id,) in scene.all(
            "select ig_user_id from raw.story_insights join app.accounts using (account_id)"
            " where status = 'ok' and metric_group = 'core' and captured_at = %s",
            scene.now,
        )
    }


def test_who_is_due_but_throttled_is_named_and_has_a_cause(scene: Scene) -> None:
    scene.fault("app_throttle")  # which says no time, so that a quarter of an hour is waited
    scene.tick()
    scene.control("DELETE", "faults")
    run = scene.tick(timedelta(minutes=10))
    assert run.counts["calls"] == 0
    with pytest.raises(StorykeepError, match="throttled: @"):
        raise_trouble(run.causes)
    throttled = scene.all("select cause from raw.story_listings where captured_at = %s", scene.now)
    assert len(throttled) == len(run.causes["throttled"]) > 10
    assert set(throttled) == {("throttled",)}
    assert scene.tick(timedelta(hours=1)).counts["listings"] > 10


def test_a_listing_that_failed_does_not_hide_the_good_one_of_the_same_time(scene: Scene) -> None:
    victim = a_connected_account(scene, "facebook")
    scene.fault("error_2", ig_user_id=victim, endpoint="stories")
    scene.tick()
    assert victim not in accounts_with(scene)
    scene.control("DELETE", "faults")
    scene.tick()
    assert victim in accounts_with(scene)


def test_no_fresh_link_is_asked_of_a_throttled_pool_or_an_app_that_is_not_set_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switches, "LINK_LIFE", timedelta(hours=1))
    clients = open_clients(scene.settings)
    capture(scene.conn, scene.settings, clients, fixed_clock(scene.now), "without media")
    scene.now += timedelta(hours=2)
    scene.control("POST", "clock", {"now": scene.now.isoformat()})
    scene.conn.execute(
        "update app.api_pools set blocked_until = %s where pool = 'app:facebook'", [scene.now + timedelta(hours=1)]
    )
    del clients["instagram"]
    scene.control("DELETE", "log")
    archive_media(scene.conn, scene.settings, clients, fixed_clock(scene.now), "media alone")
    assert {row["endpoint"] for row in scene.control("GET", "log")["calls"]} == {"cdn"}
    assert scene.all("select distinct cause from raw.media_files where cause <> 'no_link'") == [("http_403",)]


def test_a_paused_account_is_not_asked_and_its_connection_stays_as_it_was(scene: Scene) -> None:
    paused, other = scene.with_stories("facebook")[:2]
    ((account_id, status),) = scene.all(
        "select account_id, status from app.accounts join app.connections using (account_id) where ig_user_id = %s",
        paused,
    )
    set_mode(scene.conn, account_id, Mode.PAUSED, "ida", scene.now)
    scene.control("DELETE", "log")
    run = scene.tick()
    assert other in scene.calls()
    assert paused not in scene.calls()
    assert account_id not in str(run.causes)
    assert scene.one("select status from app.connections where account_id = %s", account_id) == status
    set_mode(scene.conn, account_id, Mode.AUTOMATIC, "ida", scene.now)
    scene.tick(MINUTES_5)
    assert paused in accounts_with(scene)


def test_a_change_of_the_listing_cadence_is_kept_with_its_moment(scene: Scene) -> None:
    def cadences() -> list[tuple[Any, ...]]:
        return scene.all("select since, seconds from app.listing_cadences order by since")

    first = scene.now
    scene.tick()
    scene.tick(MINUTES_5)
    assert cadences() == [(first, 900)]
    scene.settings = replace(scene.settings, list_every=timedelta(minutes=10))
    scene.tick(MINUTES_5)
    assert cadences() == [(first, 900), (first + timedelta(minutes=10), 600)]
