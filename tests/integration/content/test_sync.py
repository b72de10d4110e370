"""What a run asks for: what is due, of whom may be asked, and nothing twice."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from storykeep.accounts import pools
from storykeep.accounts.goodbye import requests
from storykeep.accounts.goodbye.disconnect import disconnect
from storykeep.accounts.modes import Mode, set_mode
from storykeep.accounts.registry import shard_of
from storykeep.capture.engine import raise_trouble
from storykeep.clock import fixed_clock
from storykeep.content.engine import BEGIN_WITHIN, sync_content
from storykeep.content.run import content_key
from storykeep.errors import StorykeepError
from storykeep.graph.client import Answer, Ask, GraphClient
from storykeep.graph.errors import GoneError, GraphError, RefusedError, TransientError
from storykeep.graph.usage import Pool, Usage
from storykeep.maintenance.deletions import carry_out
from storykeep.warehouse import connect

from .conftest import ACCOUNTS, HEALTHY, ContentScene, Truth

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
TABLES = ("media", "media_insights", "account_profiles", "account_insights", "audience", "dead_letters")
INSIGHTS = ("post_insights", "account_insights")
each_flavour = pytest.mark.parametrize("number", HEALTHY.values(), ids=HEALTHY)


def rows(scene: ContentScene, account_id: str = "") -> dict[str, int]:
    """How many rows each table has, of an account or of all."""
    of = "where account_id = %(account)s or %(account)s = ''"
    return {
        table: scene.conn.execute(f"select count(*) from raw.{table} {of}", {"account": account_id}).fetchall()[0][0]  # noqa: S608
        for table in TABLES
    }


def fails(scene: ContentScene, error: GraphError, *groups: str, account_id: str | None = None) -> None:
    """From now on the API fails every ask that holds one of these metrics (or subjects) so."""

    def changed(answer: Answer) -> Answer:
        key = content_key(answer.ask)
        names = {*answer.ask.params.get("metric", "").split(","), key.subject}
        is_meant = names & set(groups) and account_id in (None, key.account_id)
        return replace(answer, body=None, error=error, raw=b"") if is_meant else answer

    scene.change = changed


def set_others_aside(scene: ContentScene, ig_user_id: str) -> None:
    """Leave one account to be asked."""
    for (account_id,) in scene.all("select account_id from app.accounts where ig_user_id <> %s", ig_user_id):
        set_mode(scene.conn, account_id, Mode.PAUSED, "ida", scene.now)


def test_a_second_run_at_once_asks_for_nothing(scene: ContentScene) -> None:
    first = scene.sync()
    assert first.counts["rows"] > 500
    before = rows(scene)
    assert scene.asked() == {}
    assert rows(scene) == before


def test_an_hour_later_only_lists_and_young_posts_are_asked_for(scene: ContentScene, world: Truth) -> None:
    scene.sync()
    scene.control("DELETE", "log")
    scene.sync(HOUR)
    asked = scene.asked_for()
    assert asked["media"] == ACCOUNTS
    assert asked["account_insights"] == 0
    young = [
        post
        for ig_user_id in scene.connected()
        for post in world.listed(ig_user_id, scene.now, days=1)
        if scene.one("select count(*) from app.media_clock where media_id = %s", post.media_id)
    ]
    read = scene.all("select media_id from app.media_clock where read_at = %s", scene.now)
    assert {post.media_id for post in young} <= {media_id for (media_id,) in read}
    assert 0 < len(read) < 20
    assert asked["profile"] <= 3


def test_a_week_of_hourly_runs_reads_each_day_and_profile_and_keeps_to_the_ladder(
    scene: ContentScene, world: Truth
) -> None:
    victim = world.account(HEALTHY["facebook"]).ig_user_id
    set_others_aside(scene, victim)
    began = scene.now
    for _ in range(24 * 7):
        scene.sync(HOUR)
    assert scene.one("select count(*) from raw.account_profiles") in (7, 8)
    per_day = scene.all(
        "select since, count(*) from raw.account_insights where metric_group = 'reach' group by 1 order by 1"
    )
    assert [count for _, count in per_day] == [1, 2, *[3] * 6, 2, 1]
    assert [day for day, _ in per_day] == [per_day[0][0] + number * 24 * HOUR for number in range(10)]
    # The hours of the online followers are empty for two days, and then they are there.
    known = scene.all(
        """
        select since from raw.account_insights
        where metric_group = 'online_followers' and payload #> '{data,0,values,0,value}' <> '{}' order by 1
        """
    )
    assert len(known) == 8
    young = 0
    for post in world.listed(victim, scene.now, days=6):
        if post.posted_at > began and scene.now - post.posted_at > timedelta(days=2):
            reads = [
                at - post.posted_at
                for (at,) in scene.all(
                    "select captured_at from raw.media_insights where media_id = %s and metric_group = 'core'",
                    post.media_id,
                )
            ]
            assert sum(age < timedelta(hours=24) for age in reads) == 24
            assert max(reads) >= timedelta(days=1)
            assert len(reads) <= 24 + (scene.now - post.posted_at) / timedelta(days=1)
            young += 1
    assert young


@each_flavour
def test_a_caption_that_was_changed_lands_again_and_counts_alone_do_not(
    scene: ContentScene, world: Truth, number: int
) -> None:
    ig_user_id = world.account(number).ig_user_id
    post = world.listed(ig_user_id, scene.now, days=7)[0]
    scene.sync()
    scene.sync(HOUR)
    landed = "select payload ->> 'caption' from raw.media where media_id = %s order by landing_id"
    assert scene.all(landed, post.media_id) == [(post.caption,)]

    def edited(answer: Answer) -> Answer:
        raw = answer.raw.replace(post.media_id.encode() + b'"', post.media_id.encode() + b'", "alt_text": "new"')
        return replace(answer, raw=raw)

    scene.change = edited
    scene.sync(HOUR)
    assert scene.one("select count(*) from raw.media where media_id = %s", post.media_id) == 2


class Heedless(GraphClient):
    """A client of an API that does not heed since when posts are asked for."""

    def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
        unbound = [replace(ask, params={**ask.params, "since": "0"}) for ask in asks]
        yield from super().answer(unbound if asks[0].path.endswith("/media") else asks)


def test_a_list_does_not_go_on_to_the_first_post_even_if_the_api_would(
    scene: ContentScene, world: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = {flavour: Heedless(client.api) for flavour, client in scene.clients().items()}
    monkeypatch.setattr(scene, "clients", lambda: clients)
    ever = {one: len(world.listed(one, scene.now, days=3000)) for one in scene.connected()}
    most = max(ever, key=lambda one: ever[one])
    assert ever[most] > 300  # four pages
    set_others_aside(scene, most)
    scene.control("DELETE", "log")
    scene.sync()
    assert scene.calls("media") == {most: 2}
    landed = {media_id for (media_id,) in scene.all("select media_id from raw.media")}
    assert landed >= {post.media_id for post in world.listed(most, scene.now)}


@pytest.mark.parametrize("percent", [80, 100])
@each_flavour
def test_an_account_whose_pool_is_nearly_full_gets_no_call(
    scene: ContentScene, world: Truth, number: int, percent: int
) -> None:
    victim = world.account(number).ig_user_id
    pools.note(scene.conn, {victim: Pool(percent)}, {}, scene.now)
    asked = scene.asked()
    assert victim not in asked
    assert len(asked) == ACCOUNTS - 1
    assert scene.one("select counts ->> 'accounts spared' from app.runs") == "1"
    assert scene.one("select causes from app.runs") == {}  # as it is meant to be
    assert victim in scene.asked(pools.KNOWN_FOR + HOUR)


def test_an_account_whose_pool_rests_gets_no_call(scene: ContentScene, world: Truth) -> None:
    victim = world.account(HEALTHY["facebook"]).ig_user_id
    pools.note(scene.conn, {}, {victim: scene.now + 5 * HOUR}, scene.now)
    assert victim not in scene.asked()
    assert victim not in scene.asked(4 * HOUR)
    assert victim in scene.asked(HOUR)


@each_flavour
def test_below_that_it_is_asked(scene: ContentScene, world: Truth, number: int) -> None:
    victim = world.account(number).ig_user_id
    pools.note(scene.conn, {victim: Pool(79)}, {}, scene.now)
    assert victim in scene.asked()


@pytest.mark.parametrize("subject", ["profile", "posts"])
def test_a_nearly_full_app_stops_the_content_of_all_its_accounts_in_the_middle_of_a_run(
    scene: ContentScene, subject: str
) -> None:
    def told(answer: Answer) -> Answer:
        is_meant = content_key(answer.ask).subject == subject
        return replace(answer, usage=Usage(Pool(80)) if is_meant else None)

    scene.change = told
    scene.control("DELETE", "log")
    run = scene.sync()
    # One chunk of each flavour: nothing further once its replies have told.
    asked = scene.asked_for()
    assert asked["post_insights"] == 0
    assert asked[{"profile": "profile", "posts": "media"}[subject]] == ACCOUNTS
    assert run.counts["accounts spared"] == ACCOUNTS
    scene.change = None
    assert scene.asked(timedelta(minutes=30)) == {}
    assert len(scene.asked(HOUR)) == ACCOUNTS


def test_a_pool_that_fills_while_posts_are_read_is_left_with_the_next_chunk(scene: ContentScene) -> None:
    def told(answer: Answer) -> Answer:
        return replace(answer, usage=Usage(Pool(80)) if content_key(answer.ask).story_id else None)

    scene.change = told
    scene.control("DELETE", "log")
    scene.sync()
    assert 50 < scene.asked_for()["post_insights"] <= 100  # one chunk of each flavour
    scene.change = None
    scene.sync(2 * HOUR)
    assert scene.one("select count(*) from app.media_clock where read_at is null") == 0


def test_a_throttled_account_costs_no_other_and_goes_on_where_it_was(scene: ContentScene, world: Truth) -> None:
    victim = world.account(HEALTHY["facebook"]).ig_user_id
    scene.fault("throttle", victim, endpoint="post_insights", minutes=30)
    run = scene.sync()
    assert run.causes["throttled"] == {world.account(HEALTHY["facebook"]).username}
    with pytest.raises(StorykeepError, match="throttled"):
        raise_trouble(run.causes)
    assert rows(scene, scene.account(victim))["media_insights"] == 0
    assert run.counts["readings of posts"] > 100
    scene.control("DELETE", "faults")
    assert victim not in scene.asked(timedelta(minutes=20))
    scene.sync(timedelta(minutes=41))
    assert rows(scene, scene.account(victim))["media_insights"] > 50


@each_flavour
def test_a_dead_token_ends_the_connection_as_in_capture_and_costs_no_other(
    scene: ContentScene, world: Truth, number: int
) -> None:
    victim = world.account(number)
    scene.fault("error_190_460", victim.ig_user_id)
    run = scene.sync()
    state = scene.all(
        "select status, reason from app.connections where account_id = %s", scene.account(victim.ig_user_id)
    )
    assert state == [("revoked", "password_changed")]
    assert run.causes["token"] == {victim.username}
    raise_trouble(run.causes)  # a creator's matter: watch_tokens tells of it
    assert run.counts["profiles"] == len(scene.connected()) == ACCOUNTS - 1
    scene.control("DELETE", "faults")
    assert victim.ig_user_id not in scene.asked(HOUR)


@each_flavour
def test_without_the_permission_for_insights_profile_and_posts_are_left(
    scene: ContentScene, world: Truth, number: int
) -> None:
    victim = world.account(number)
    account_id = scene.account(victim.ig_user_id)
    faults = [{"kind": "error_10", "ig_user_id": victim.ig_user_id, "endpoint": one} for one in INSIGHTS]
    scene.control("POST", "faults", faults)
    run = scene.sync()
    assert run.causes.keys() == {"permission"}
    assert scene.one("select status from app.connections where account_id = %s", account_id) == "connected_no_insights"
    scene.control("DELETE", "log")
    scene.sync(timedelta(days=1))
    calls = scene.control("GET", "log")["calls"]
    endpoints = {row["endpoint"] for row in calls if row["ig_user_id"] == victim.ig_user_id} - {"batch"}
    assert endpoints == {"profile", "media"}


@each_flavour
def test_a_refused_metric_never_costs_the_others_and_is_not_asked_again(
    scene: ContentScene, world: Truth, number: int
) -> None:
    ig_user_id = world.account(number).ig_user_id
    account_id = scene.account(ig_user_id)
    fails(scene, RefusedError("(#100) no", code=100, status=400), "reposts", "accounts_engaged", account_id=account_id)
    scene.sync()
    posts = world.listed(ig_user_id, scene.now)
    singles = scene.all(
        """
        select metric_group, status, count(distinct media_id) from raw.media_insights
        where account_id = %s and metric_group like 'core%%' group by 1, 2
        """,
        account_id,
    )
    found = {(group, status): count for group, status, count in singles}
    assert found["core", "refused"] == found["core:reposts", "refused"] == len(posts)
    assert found["core:reach", "ok"] == found["core:likes", "ok"] == len(posts)
    days = scene.all(
        "select distinct metric_group, status from raw.account_insights"
        " where account_id = %s and metric_group like 'engagement%%' order by 1",
        account_id,
    )
    assert days == [
        ("engagement", "refused"),
        ("engagement:accounts_engaged", "refused"),
        ("engagement:replies", "ok"),
        ("engagement:reposts", "refused"),
    ]
    refused = scene.all("select media_id from app.refused_metrics where metric = 'reposts'")
    assert {media_id for (media_id,) in refused} == {post.media_id for post in posts}
    assert scene.one("select count(*) from app.media_clock where account_id = %s and read_at is null", account_id) == 0
    scene.sync(timedelta(days=7))
    again = scene.all(
        "select distinct metric_group from raw.media_insights where account_id = %s and captured_at = %s",
        account_id,
        scene.now,
    )
    known = {post.media_id for post in posts}
    late = scene.all(
        "select distinct media_id from raw.media_insights where metric_group like 'core:%%' and captured_at = %s",
        scene.now,
    )
    assert ("core",) in again
    assert not known & {media_id for (media_id,) in late}


def test_a_group_that_fails_for_the_moment_holds_up_nothing_but_what_needs_it(
    scene: ContentScene, world: Truth
) -> None:
    account_id = scene.account(world.account(HEALTHY["facebook"]).ig_user_id)
    fails(scene, TransientError("later", code=2, status=500), "profile_activity", "likes", account_id=account_id)
    run = scene.sync()
    # `likes` is in the core of every post, and in a group of the days that is not needed.
    assert (
        scene.one("select count(*) from app.media_clock where account_id = %s and read_at is not null", account_id) == 0
    )
    assert rows(scene, account_id)["media_insights"] > 0
    assert scene.one(
        "select done_at is not null from app.content_clock where account_id = %s and subject = 'account_insights'",
        account_id,
    )
    assert run.causes["api_unreachable"] == {world.account(HEALTHY["facebook"]).username}
    scene.change = None
    scene.sync()
    assert scene.one("select count(*) from app.media_clock where account_id = %s and read_at is null", account_id) == 0


def test_a_day_that_failed_is_not_left_behind(scene: ContentScene, world: Truth) -> None:
    ig_user_id = world.account(HEALTHY["facebook"]).ig_user_id
    account_id = scene.account(ig_user_id)
    scene.sync()
    (read_until,) = scene.all(
        "select done_at from app.content_clock where account_id = %s and subject = 'account_insights'", account_id
    )[0]

    def changed(answer: Answer) -> Answer:
        key = content_key(answer.ask)
        is_meant = key.account_id == account_id and key.day is not None and key.day.since == read_until
        return replace(answer, body=None, error=TransientError("later", code=2)) if is_meant else answer

    scene.change = changed
    scene.sync(timedelta(days=3))
    clock = "select done_at from app.content_clock where account_id = %s and subject = 'account_insights'"
    assert scene.one(clock, account_id) == read_until
    scene.change = None
    scene.sync(HOUR)
    assert scene.one(clock, account_id) == read_until + timedelta(days=3)
    assert (
        scene.one(
            "select count(distinct since) from raw.account_insights where account_id = %s and since >= %s"
            " and metric_group = 'reach' and status = 'ok'",
            account_id,
            read_until,
        )
        == 3
    )


def test_an_account_that_seems_gone_loses_no_connection_and_no_clock_moves(scene: ContentScene, world: Truth) -> None:
    account_id = scene.account(world.account(HEALTHY["facebook"]).ig_user_id)
    gone = GoneError("(#100) not there", code=100, subcode=33, status=400)
    subjects = ("profile", "posts", "account_insights", "audience")
    fails(scene, gone, *subjects, account_id=account_id)
    run = scene.sync()
    assert run.causes["permission"] >= {world.account(HEALTHY["facebook"]).username}
    assert scene.one("select status from app.connections where account_id = %s", account_id) == "connected"
    assert scene.one("select count(done_at) from app.content_clock where account_id = %s", account_id) == 0
    scene.change = None
    scene.sync()
    assert scene.one("select count(done_at) from app.content_clock where account_id = %s", account_id) == 4


def test_a_deleted_post_is_asked_for_no_more_often_than_others(scene: ContentScene, world: Truth) -> None:
    scene.sync()
    fails(scene, GoneError("(#100) not there", code=100, subcode=33, status=400), "reach")
    scene.sync(HOUR)
    gone = scene.all("select media_id from raw.media_insights where status = 'refused' and metric_group = 'core'")
    assert gone
    assert scene.asked() == {} or set(scene.asked_for()) <= {"account_insights"}


def test_who_is_paused_manual_or_disconnected_is_not_asked(scene: ContentScene, world: Truth) -> None:
    paused, manual, left = (world.account(number) for number in (0, 1, 2))
    set_mode(scene.conn, scene.account(paused.ig_user_id), Mode.PAUSED, "ida", scene.now)
    set_mode(scene.conn, scene.account(manual.ig_user_id), Mode.MANUAL, "ida", scene.now)
    disconnect(scene.conn, left.username, scene.now)
    asked = scene.asked()
    assert not {one.ig_user_id for one in (paused, manual, left)} & asked.keys()
    assert len(asked) == ACCOUNTS - 3


def test_who_leaves_during_a_run_is_asked_no_further(scene: ContentScene, world: Truth) -> None:
    victim = world.account(HEALTHY["facebook"])
    left: list[str] = []

    def meanwhile(answer: Answer) -> Answer:
        if not left and answer.ask.pool == victim.ig_user_id:
            left.append(victim.username)
            with connect(scene.settings.warehouse, "storykeep_ingest") as conn:
                disconnect(conn, victim.username, scene.now)
        return answer

    scene.change = meanwhile
    scene.control("DELETE", "log")
    run = scene.sync()
    assert scene.calls()[victim.ig_user_id] == 1
    assert victim.username not in {name for who in run.causes.values() for name in who}
    assert run.counts["audiences"] == ACCOUNTS - 1


def test_nothing_is_begun_when_the_time_is_up_and_the_next_run_goes_on(scene: ContentScene) -> None:
    calls = 0

    def slow() -> datetime:
        return scene.now + calls * timedelta(seconds=2)

    def counting(answer: Answer) -> Answer:
        nonlocal calls
        calls += 1
        return answer

    scene.change = counting
    run = scene.sync(clock=slow)
    assert BEGIN_WITHIN.total_seconds() / 2 <= run.counts["calls"] < BEGIN_WITHIN.total_seconds() / 2 + 150
    assert run.counts["left for the next run"] > 0
    scene.change = None
    assert scene.sync(HOUR).counts["audiences"] > 3


def test_two_runs_at_once_land_everything_once(scene: ContentScene) -> None:
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            with connect(scene.settings.warehouse, "storykeep_ingest") as conn:
                conn.autocommit = True
                sync_content(conn, scene.settings, scene.clients(), lambda: scene.now, f"content-{number}")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert (
        scene.one(
            "select count(*) from (select media_id, count(*) from raw.media group by 1 having count(*) > 1) as twice"
        )
        == 0
    )
    before = rows(scene)
    assert scene.asked() == {}
    assert rows(scene) == before


def test_what_cannot_land_goes_to_the_dead_letters_and_its_neighbours_stay(scene: ContentScene, world: Truth) -> None:
    victim = world.account(HEALTHY["facebook"]).ig_user_id
    good = {"id": "17900000000000001", "timestamp": "2026-11-05T10:15:00+0000", "media_type": "IMAGE"}
    bad: list[dict[str, Any]] = [good | {"id": "17900000000000002", "caption": "\x00"}, good | {"id": "x"}, {"id": "3"}]
    body = json.dumps({"data": [good, *bad]})
    scene.fault("body", victim, endpoint="media", body=body)
    scene.sync()
    account_id = scene.account(victim)
    assert scene.all("select media_id from raw.media where account_id = %s", account_id) == [("17900000000000001",)]
    assert (
        scene.one("select count(*) from raw.dead_letters where account_id = %s and endpoint = 'media'", account_id) == 3
    )


def test_nothing_of_the_content_is_left_of_a_purged_account_and_none_comes_back(
    scene: ContentScene, world: Truth
) -> None:
    victim = world.account(HEALTHY["facebook"]).ig_user_id
    account_id = scene.account(victim)
    refusing = RefusedError("(#100) no", code=100, status=400)
    fails(scene, refusing, "reposts", account_id=account_id)
    scene.sync()
    posts = {post.media_id for post in world.listed(victim, scene.now)}
    assert scene.one("select count(*) from app.refused_metrics where media_id = any(%s)", list(posts)) > 0
    scene.change = None
    request = requests.record(scene.conn, scene.settings.work_dir, "command", victim, [victim], scene.now)
    carry_out(scene.settings, {}, request, scene.now)
    assert set(rows(scene, account_id).values()) == {0}
    for table in ("content_clock", "media_clock"):
        assert scene.one(f"select count(*) from app.{table} where account_id = %s", account_id) == 0  # noqa: S608
    assert scene.one("select count(*) from app.refused_metrics where media_id = any(%s)", list(posts)) == 0
    scene.sync(HOUR)
    assert set(rows(scene, account_id).values()) == {0}


def test_a_purge_during_a_run_leaves_nothing_behind(scene: ContentScene, world: Truth) -> None:
    victim = world.account(HEALTHY["instagram"]).ig_user_id
    account_id = scene.account(victim)
    request = requests.record(scene.conn, scene.settings.work_dir, "command", victim, [victim], scene.now)
    purged: list[str] = []

    def meanwhile(answer: Answer) -> Answer:
        if not purged and answer.ask.pool == victim and content_key(answer.ask).story_id:
            purged.append(victim)
            carry_out(scene.settings, {}, request, scene.now)
        return answer

    scene.change = meanwhile
    run = scene.sync()
    assert purged
    assert run.counts["audiences"] == ACCOUNTS - 1
    assert set(rows(scene, account_id).values()) == {0}
    for table in ("content_clock", "media_clock"):
        assert scene.one(f"select count(*) from app.{table} where account_id = %s", account_id) == 0  # noqa: S608


def test_every_account_is_in_one_shard(scene: ContentScene) -> None:
    asked = []
    for shard in range(3):
        scene.control("DELETE", "log")
        clock, run_id = fixed_clock(scene.now), f"content-{shard}"
        sync_content(scene.conn, scene.settings, scene.clients(), clock, run_id, shard=shard, shards=3)
        asked.append(set(scene.calls()))
    expected: list[set[str]] = [set(), set(), set()]
    for ig_user_id, account_id in scene.connected().items():
        expected[shard_of(account_id, 3)].add(ig_user_id)
    assert asked == expected
