"""The archive of files: several at once, none at another's cost, and what becomes of links that died."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from storykeep.capture.engine import capture
from storykeep.capture.media import AT_ONCE, PATIENCE, archive_media
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import Answer, open_clients
from storykeep.landing.runs import Run
from storykeep.settings import Settings

from .conftest import Scene
from .odd_cdn import JPEG, Behaviour, Exchange, OddCdn, odd_cdn

pytestmark = pytest.mark.integration

SECONDS = 10
HOUR = timedelta(hours=1)


@dataclass
class Shelf:
    """The live stories of a scene, whose files are all to be had from a CDN that misbehaves."""

    scene: Scene
    cdn: OddCdn
    settings: Settings
    stories: list[str]

    def serves(self, story_id: str, behaviour: Behaviour) -> None:
        self.cdn.behaviours[f"/{story_id}"] = behaviour

    def archive(self, clock: Any = None) -> Run | None:
        scene = self.scene
        scene.control("POST", "clock", {"now": scene.now.isoformat()})
        clock = clock or fixed_clock(scene.now)
        return archive_media(scene.conn, self.settings, scene.clients(), clock, f"media {scene.now}")

    def found(self) -> dict[str, str]:
        """What became of each story's file, by its newest row: its status, or the cause."""
        query = "select story_id, coalesce(cause, status) from raw.media_files order by captured_at"
        return dict(self.scene.all(query))

    def node_calls(self) -> int:
        return sum(self.scene.calls("node").values())

    def links_lead_here(self, answer: Answer) -> Answer:
        """The API's fresh links lead to this CDN as well."""
        if not isinstance(answer.body, dict) or "id" not in answer.body:
            return answer
        url = f"http://{self.cdn.host}/{answer.body['id']}"
        return replace(answer, body={**answer.body, "media_url": url})


@pytest.fixture
def shelf(scene: Scene) -> Iterator[Shelf]:
    capture(scene.conn, scene.settings, open_clients(scene.settings), fixed_clock(scene.now), "without media")
    with odd_cdn() as cdn:
        with scene.superuser() as owner:  # nobody else may change what came
            owner.execute(
                "update raw.stories set payload = payload - 'thumbnail_url'"
                " || jsonb_build_object('media_url', %s::text || story_id)",
                [f"http://{cdn.host}/"],
            )
        stories = [story_id for (story_id,) in scene.all("select story_id from raw.stories order by story_id")]
        assert len(stories) > AT_ONCE
        cdn.behaviours |= {f"/{story_id}": Exchange.reply for story_id in stories}
        settings = replace(scene.settings, media_hosts=(*scene.settings.media_hosts, cdn.host))
        scene.control("DELETE", "log")
        yield Shelf(scene, cdn, settings, stories)


def test_several_are_fetched_at_once(shelf: Shelf) -> None:
    all_of_them = Barrier(AT_ONCE, timeout=SECONDS)

    def together(exchange: Exchange) -> None:
        all_of_them.wait()
        exchange.reply()

    for story_id in shelf.stories[:AT_ONCE]:
        shelf.serves(story_id, together)
    shelf.archive()
    assert shelf.found() == dict.fromkeys(shelf.stories, "archived")


def test_the_slow_one_holds_up_none_of_the_others_and_each_lands_when_it_is_there(shelf: Shelf) -> None:
    first, *others = shelf.stories
    landed_meanwhile: list[int] = []

    def slow(exchange: Exchange) -> None:
        with shelf.scene.superuser() as conn:
            for _ in range(SECONDS * 50):
                (landed,) = conn.execute("select count(*) from raw.media_files").fetchone() or (0,)
                conn.rollback()
                if landed == len(others) or shelf.cdn.let_go.wait(0.02):
                    break
        landed_meanwhile.append(landed)
        exchange.reply()

    shelf.serves(first, slow)
    shelf.archive()
    assert landed_meanwhile == [len(others)]
    assert shelf.found() == dict.fromkeys(shelf.stories, "archived")


def test_one_that_fails_costs_no_other(shelf: Shelf) -> None:
    shelf.scene.change = shelf.links_lead_here
    bad: dict[str, Behaviour] = {
        "http_404": lambda exchange: exchange.reply(b"", 404),
        "not_media": lambda exchange: exchange.reply(b"<html></html>"),
        "empty": lambda exchange: exchange.reply(b""),
        "http_302": lambda exchange: exchange.reply(b"", 302, Location="https://evil.example/"),
        "unreachable_ProtocolError": lambda exchange: exchange.reply(length=len(JPEG) + 1),
        "too_large": lambda exchange: exchange.reply(length=2**40),
    }
    for story_id, behaviour in zip(shelf.stories, bad.values(), strict=False):
        shelf.serves(story_id, behaviour)
    run = shelf.archive()
    assert run is not None
    assert (run.counts["missing"], run.counts["archived"]) == (len(bad), len(shelf.stories) - len(bad))
    assert [shelf.found()[story_id] for story_id in shelf.stories[: len(bad)]] == list(bad)
    asked = {story_id: shelf.cdn.asked[f"/{story_id}"] for story_id in shelf.stories}
    # Once more with a fresh link, unless that would be as much in vain.
    assert [asked[story_id] for story_id in shelf.stories[: len(bad)]] == [2, 2, 2, 2, 2, 1]
    assert {asked[story_id] for story_id in shelf.stories[len(bad) :]} == {1}


def test_what_is_missing_is_tried_again_an_hour_later_and_what_is_kept_is_not(shelf: Shelf) -> None:
    shelf.scene.change = shelf.links_lead_here
    shelf.serves(shelf.stories[0], lambda exchange: exchange.reply(b"", 503))
    shelf.archive()
    shelf.serves(shelf.stories[0], Exchange.reply)
    shelf.cdn.asked.clear()
    shelf.scene.now += HOUR - timedelta(seconds=1)
    assert shelf.archive() is None
    shelf.scene.now += timedelta(seconds=1)
    shelf.archive()
    assert shelf.cdn.asked == {f"/{shelf.stories[0]}": 1}
    assert shelf.found()[shelf.stories[0]] == "archived"


def test_links_that_died_are_replaced_together_by_fresh_ones(shelf: Shelf) -> None:
    """The API's fresh links lead to the sandbox's own CDN, which serves them."""
    for story_id in shelf.stories:
        shelf.serves(story_id, lambda exchange: exchange.reply(b"URL signature expired", 403))
    shelf.archive()
    found = shelf.found()
    with_link = [story_id for story_id in found if found[story_id] == "archived"]
    assert len(with_link) > len(found) / 2
    assert set(found.values()) <= {"archived", "http_403"}  # the API gives some stories no link
    assert shelf.node_calls() == len(shelf.stories)
    rows = shelf.scene.control("GET", "log")["calls"]
    requests_sent = sum(row["requests"] for row in rows if row["endpoint"] in ("batch", "node"))
    assert requests_sent < len(shelf.stories)


def test_the_reserve_of_a_pool_is_not_spent_on_fresh_links(shelf: Shelf) -> None:
    for story_id in shelf.stories:
        shelf.serves(story_id, lambda exchange: exchange.reply(b"URL signature expired", 403))
    victim = shelf.scene.with_stories("facebook")[0]
    shelf.scene.conn.execute(
        "insert into app.api_pools (pool, usage_percent, updated_at) values (%s, 95, %s)"
        " on conflict (pool) do update set usage_percent = excluded.usage_percent, updated_at = excluded.updated_at",
        [victim, shelf.scene.now],
    )
    shelf.archive()
    assert len(shelf.scene.calls("node")) > 5
    assert victim not in shelf.scene.calls("node")


def test_after_the_time_that_a_run_has_the_rest_waits_for_the_next(shelf: Shelf) -> None:
    minutes = itertools.count()
    start = shelf.scene.now

    def running_out() -> datetime:
        """The time is over after the first few files."""
        return start if next(minutes) < 12 else start + PATIENCE + timedelta(seconds=1)

    shelf.archive(running_out)
    done = shelf.found()
    assert 0 < len(done) < len(shelf.stories)
    shelf.archive()
    assert shelf.found() == dict.fromkeys(shelf.stories, "archived")


def test_links_that_died_when_the_time_is_over_are_no_losses(shelf: Shelf) -> None:
    for story_id in shelf.stories:
        shelf.serves(story_id, lambda exchange: exchange.reply(b"", 403))
    readings = itertools.count()
    start = shelf.scene.now
    shelf.archive(lambda: start if next(readings) < 3 else start + PATIENCE + timedelta(seconds=1))
    assert shelf.found() == {}
    assert shelf.node_calls() == 0


def test_a_token_that_ended_is_noted_and_costs_only_its_own_files(shelf: Shelf) -> None:
    scene = shelf.scene
    victim = scene.with_stories("facebook")[0]
    for story_id in shelf.stories:
        shelf.serves(story_id, lambda exchange: exchange.reply(b"", 403))
    scene.fault("error_190_460", victim)
    shelf.archive()
    own = {story_id for story_id, story in scene.live().items() if story["ig_user_id"] == victim}
    assert {shelf.found()[story_id] for story_id in own} == {"http_403"}
    assert "archived" in shelf.found().values()
    status = "select status from app.connections join app.accounts using (account_id) where ig_user_id = %s"
    assert scene.one(status, victim) == "revoked"


@pytest.mark.parametrize(("status", "reason"), [("disconnected", None), ("purged", None), ("revoked", "app_removed")])
def test_no_file_is_fetched_of_a_creator_who_said_goodbye(shelf: Shelf, status: str, reason: str | None) -> None:
    scene = shelf.scene
    victim, other = scene.with_stories("facebook")[:2]
    change = (
        "update app.connections set status = %s, reason = %s"
        " where account_id = (select account_id from app.accounts where ig_user_id = %s)"
    )
    scene.conn.execute(change, [status, reason, victim])
    scene.conn.execute(change, ["revoked", "password_changed", other])
    shelf.archive()
    theirs = {
        who: {story for story, told in scene.live().items() if told["ig_user_id"] == who} for who in (victim, other)
    }
    assert theirs[victim] and theirs[other]
    assert shelf.found().keys() == set(shelf.stories) - theirs[victim]


def test_only_stories_of_who_consented_are_fetched_whatever_else_has_a_link(shelf: Shelf) -> None:
    # Meta forbids to keep others' media that mentions somebody, and lets one keep its link.
    scene, link = shelf.scene, shelf.cdn.serves("/of_others", Exchange.reply)
    (account_id,) = scene.all("select account_id from raw.stories limit 1")[0]
    with scene.superuser() as owner:
        owner.execute("insert into app.creators values ('stranger', 'Stranger')")
        owner.execute("insert into app.accounts values ('stranger', 'stranger', '99', 'stranger', %s)", [scene.now])
        owner.execute(
            """
            insert into raw.stories (story_id, account_id, captured_at, run_id, payload, content_hash)
            values ('s99', 'stranger', %s, 'by hand', jsonb_build_object('media_url', %s::text), 'x')
            """,
            [scene.now, link],
        )
        owner.execute(
            """
            insert into app.story_clock (story_id, account_id, posted_at, expires_at, first_seen_at)
            values ('s99', 'stranger', %(now)s, %(now)s + interval '1 day', %(now)s)
            """,
            {"now": scene.now},
        )
        owner.execute(
            """
            insert into raw.media (media_id, account_id, captured_at, run_id, payload, content_hash)
            values ('m99', %s, %s, 'by hand', jsonb_build_object('media_url', %s::text), 'x')
            """,
            [account_id, scene.now, link],
        )
        owner.execute(
            """
            insert into raw.manual_entries
                (entry_id, version, kind, account_id, captured_at, run_id, author, payload, content_hash)
            values ('e99', 1, 'story_capture', %s, %s, 'by hand', 'ida',
                jsonb_build_object('permalink', %s::text, 'link', %s::text), 'x')
            """,
            [account_id, scene.now, link, link],
        )
    shelf.archive()
    assert shelf.cdn.asked.keys() == {f"/{story_id}" for story_id in shelf.stories}


def test_a_storage_that_takes_no_file_is_told_after_all_were_tried(shelf: Shelf, tmp_path: Path) -> None:
    blocked = tmp_path / "media"
    blocked.touch()
    there, shelf.settings = shelf.settings, replace(shelf.settings, media_root=str(blocked))
    with pytest.raises(StorykeepError, match=f"^{blocked}: {len(shelf.stories)} files cannot be kept"):
        shelf.archive()
    assert shelf.found() == {}
    shelf.settings = there
    shelf.archive()
    assert set(shelf.found().values()) == {"archived"}
