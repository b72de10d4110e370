"""From capture to the marts: of an account that is purged nothing is left, and nothing comes back."""

from pathlib import Path

import pytest

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.vault import Vault
from storykeep.landing.tombstones import hash_of
from storykeep.transform.build import build_marts

from .conftest import EVENING, Scene
from .doomed import Doomed, on_disk, purge
from .test_purge import dump, files
from .test_same_marts import HALF_AN_HOUR, marts, prepare

pytestmark = pytest.mark.integration


def test_nothing_is_left_of_a_purged_account_and_no_replay_brings_it_back(scene: Scene, tmp_path: Path) -> None:
    prepare(scene)
    scene.tick()
    scene.tick(HALF_AN_HOUR)
    build_marts(scene.settings, scene.now)
    doomed = Doomed(scene)
    before = marts(scene.settings)
    assert {doomed.account_id, doomed.username} <= doomed.left_in(repr(before))
    assert {doomed.account_id, doomed.ig_user_id, doomed.username} <= doomed.left_in(dump(scene, tmp_path))
    assert doomed.left_in(on_disk(scene))
    assert doomed.files and doomed.files <= files(scene)
    kept = files(scene) - doomed.files

    done = purge(scene, doomed)
    build_marts(scene.settings, scene.now)
    assert doomed.left_in(repr(marts(scene.settings))) == set()
    text = dump(scene, tmp_path)
    assert doomed.left_in(text) == set()
    assert hash_of(doomed.ig_user_id) in text
    assert doomed.left_in(on_disk(scene)) == set()
    assert files(scene) == kept
    assert done.certificate["raw.stories"] == len(doomed.story_ids)
    assert done.certificate["media files"] == len(doomed.files)
    assert done.certificate["app.accounts"] == done.certificate["app.connections"] == 1
    assert done.certificate["marts.fct_stories (until the next build)"] == len(doomed.story_ids)
    assert doomed.left_in(repr(done)) == set()
    others = [row for row in before["fct_stories"] if row[0] not in doomed.story_ids]
    assert [row[0] for row in marts(scene.settings)["fct_stories"]] == [row[0] for row in others]

    result = import_accounts(
        scene.conn, Vault(scene.settings.token_keys), scene.control("GET", "accounts.csv"), scene.now
    )
    assert result.outcomes["still purged"] == 1
    scene.now = EVENING
    scene.tick()
    scene.tick(HALF_AN_HOUR)
    assert doomed.story_ids & scene.live().keys()
    assert doomed.left_in(dump(scene, tmp_path)) == set()
    assert doomed.left_in(on_disk(scene)) == set()
    assert files(scene).isdisjoint(doomed.files)
