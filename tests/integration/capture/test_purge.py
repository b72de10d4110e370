"""From capture to the marts under matched_then_purge: of a personal story nothing is left, and nothing comes back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storykeep.backup import programs
from storykeep.landing.tombstones import story_hash
from storykeep.settings import Keep
from storykeep.transform.build import build_marts
from storykeep.transform.purge import purge_unmatched
from storykeep.warehouse import connect

from .conftest import EVENING, Scene
from .test_same_marts import marts, prepare

pytestmark = pytest.mark.integration

DAYS_3 = timedelta(days=3)
TELLING = ("caption", "permalink", "media_url", "thumbnail_url")
LATER = EVENING + DAYS_3


def dump(scene: Scene, folder: Path) -> str:
    """All that the database holds, as text."""
    file = folder / "dump.sql"
    programs.run(programs.find("pg_dump", 18), ["--format=plain", f"--file={file}"], scene.owner)
    return file.read_text()


def traces_of(scene: Scene, story_ids: set[str]) -> set[str]:
    """What tells of these stories and of no others: ids, captions, links; also ids as the bytes of a dead letter."""
    told: dict[bool, set[str]] = {True: set(), False: set()}
    for story_id, payload in scene.all("select story_id, payload from raw.stories"):
        told[story_id in story_ids] |= {payload[key] for key in TELLING if payload.get(key)}
    others = "\n".join(told[False])
    return {text for text in told[True] if text not in others} | {as_bytes(story) for story in story_ids} | story_ids


def as_bytes(story_id: str) -> str:
    return story_id.encode().hex()


def kept(scene: Scene) -> list[tuple[Any, ...]]:
    """What the marts say of stories and of coverage, but for estimates, which other stories have a part in."""
    queries = (
        "select story_id, posted_at, caption, finality, views, reach, media_path from marts.fct_stories",
        "select story_id, captured_at, views, is_withheld from marts.fct_story_readings",
        "select campaign_id, story_id, evidence from marts.fct_campaign_content",
        "select account_id, date, listings_done, gap_cause, stories_seen, stories_not_kept, stories_late"
        " from marts.fct_capture_coverage",
    )
    with connect(scene.settings.warehouse, "storykeep_transform") as conn:
        return [row for query in queries for row in conn.execute(f"{query} order by 1, 2").fetchall()]


def files(scene: Scene) -> set[str]:
    return {path.stem for path in Path(scene.settings.media_root).rglob("*") if path.is_file()}


def test_nothing_is_left_of_a_personal_story_and_a_replay_brings_nothing_back(scene: Scene, tmp_path: Path) -> None:
    prepare(scene)
    scene.settings = replace(scene.settings, keep=Keep(matched_only=True, purge_after=timedelta(days=1)))
    scene.tick()
    build_marts(scene.settings, LATER)
    before = marts(scene.settings)
    captured = {story_id for (story_id,) in scene.all("select story_id from raw.stories")}
    matched = {row[1] for row in before["fct_campaign_content"]}
    personal = captured - matched
    assert matched and personal and {row[0] for row in before["fct_stories"]} == matched
    archived = "select content_hash from raw.media_files where content_hash is not null and story_id = any(%s)"
    of_campaigns, of_persons = (
        {digest for (digest,) in scene.all(archived, list(group))} for group in (matched, personal)
    )
    assert of_campaigns and of_persons - of_campaigns
    traces = traces_of(scene, personal)
    text = dump(scene, tmp_path)
    assert {trace for trace in traces if trace not in text} == {as_bytes(story) for story in personal}
    assert [trace for trace in traces if trace in repr(before)] == []

    standing = kept(scene)
    counts = purge_unmatched(scene.settings, LATER)
    assert counts["stories purged"] == len(personal)
    assert counts["files deleted"] == len(of_persons - of_campaigns)
    build_marts(scene.settings, LATER)
    assert kept(scene) == standing
    text = dump(scene, tmp_path)
    assert [trace for trace in traces if trace in text] == []
    assert [story for story in personal if story_hash(story) not in text] == []
    assert files(scene) == of_campaigns

    scene.tick(timedelta(minutes=16))
    assert personal & scene.live().keys()
    text = dump(scene, tmp_path)
    assert [trace for trace in traces if trace in text] == []
    assert files(scene).isdisjoint(of_persons - of_campaigns)
