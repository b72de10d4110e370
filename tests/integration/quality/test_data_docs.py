"""Old results of the checkpoints go, with their pages, and the first page lists what is left."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import great_expectations.expectations as gxe
import pytest
from tests.dbt.world import AS_OF

from storykeep.errors import StorykeepError
from storykeep.quality import data_docs
from storykeep.quality.checkpoint import Batch, run
from storykeep.settings import Settings

pytestmark = pytest.mark.integration

BUILDS = 3


def check(settings: Settings, number: int, at_least: int = 0) -> None:
    rows = gxe.ExpectTableRowCountToBeBetween(min_value=at_least)
    batch = Batch("app.brands", "select * from app.brands", [rows])
    run(settings, "release", [batch], AS_OF + number * timedelta(minutes=5))


def builds(folder: Path, pattern: str) -> set[str]:
    return {file.parents[1].name[11:16] for file in folder.rglob(pattern)}


def listed(settings: Settings) -> set[str]:
    page = (settings.work_dir / "data_docs" / "index.html").read_text()
    return set(re.findall(r"2026-11-12T(\d\d-\d\d)-00Z/", page))


def test_the_results_of_the_last_builds_stay(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(BUILDS):
        check(warehouse, number)
    # The second build is checked once more, which makes it the newest.
    check(warehouse, 1)
    results, pages = warehouse.work_dir / "validation_results", warehouse.work_dir / "data_docs" / "validations"
    everything = {"12-00", "12-05", "12-10"}
    assert builds(results, "*.json") == builds(pages, "*.html") == listed(warehouse) == everything
    assert data_docs.prune(warehouse) == 0

    monkeypatch.setattr(data_docs, "BUILDS_KEPT", 2)
    assert data_docs.prune(warehouse) == 1
    assert builds(results, "*.json") == builds(pages, "*.html") == listed(warehouse) == {"12-05", "12-10"}
    check(warehouse, 9)
    assert listed(warehouse) == {"12-05", "12-10", "12-45"}


def test_the_first_page_leads_to_every_other_without_a_script(warehouse: Settings) -> None:
    check(warehouse, 0)
    with pytest.raises(StorykeepError, match=r"see .*index\.html"):
        check(warehouse, 1, at_least=1)
    site = warehouse.work_dir / "data_docs"
    page = (site / "index.html").read_text()
    assert "<script" not in page
    rows = re.findall(r"<td>([^<]*)<td><a href=\"(.*?)\">(.*?)</a><td>(.*?)<td class=\"(.*?)\">", page)
    # The newest check first.
    assert [(build, suite, met, verdict) for build, _, suite, met, verdict in rows] == [
        ("2026-11-12T12-05-00Z", "release of app.brands", "0 of 1", "failed"),
        ("2026-11-12T12-00-00Z", "release of app.brands", "1 of 1", ""),
    ]
    for _, link, *_ in rows:
        told = site / unquote(link)
        suite = re.findall(r'href="([./]*/expectations/[^"]*)"', told.read_text())
        assert [(told.parent / unquote(one)).resolve().is_file() for one in suite] == [True]


def test_before_the_first_build_there_is_nothing_to_do(warehouse: Settings) -> None:
    assert data_docs.prune(warehouse) == 0


def test_a_folder_that_cannot_be_written_is_named(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    check(warehouse, 0)
    monkeypatch.setattr(data_docs, "BUILDS_KEPT", 0)

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(StorykeepError, match=r"T12-00-00Z: Permission denied -> make it writable"):
        data_docs.prune(warehouse)
