"""dbt's own unit tests, and what the project tells of itself."""

import json
import re

import pytest
import yaml
from tests.contracts import contracts
from tests.dbt.world import AS_OF
from tests.marts import MARTS

from storykeep.causes import Cause
from storykeep.settings import PROJECT, Settings
from storykeep.transform import dbt, last_build

pytestmark = pytest.mark.integration

# Numbers that measure nothing, beside those of dim_dates.
NO_MEASURES = {"consent_id", "frame_position", "place", "version"}


def test_every_unit_test_of_the_project_passes(built: Settings) -> None:
    files = (PROJECT / "dbt/models").rglob("*unit_tests.yml")
    written = sum(len(yaml.safe_load(path.read_text())["unit_tests"]) for path in files)
    assert written > 30
    assert dbt.unit_test(built, AS_OF) == {"pass": written}


def test_freshness_is_measured_against_as_of(built: Settings) -> None:
    # The world's rows are years away from the machine's clock, and minutes away from as_of.
    assert dbt.freshness(built, AS_OF) == {"pass": 7}
    report = json.loads((built.work_dir / "dbt" / "freshness.json").read_text())
    assert {source["snapshotted_at"] for source in report["results"]} == {"2026-11-12T12:00:00+00:00"}


def test_the_documentation_is_one_page_with_every_mart(built: Settings) -> None:
    last_build.forget(built)  # as after a purge: there is something to read all the same
    page = dbt.docs(built, AS_OF).read_text()
    for mart in MARTS:
        assert f"model.storykeep.{mart}" in page
    assert built.warehouse.password.get_secret_value() not in page


def test_the_password_is_in_no_file(built: Settings) -> None:
    files = [path for path in built.work_dir.rglob("*") if path.is_file()]
    password = built.warehouse.password.get_secret_value().encode()
    assert (built.work_dir / "data_docs" / "index.html") in files
    assert (built.work_dir / "dbt" / "target" / "manifest.json") in files
    assert [path for path in files if password in path.read_bytes()] == []


def test_the_marts_know_the_causes_that_capture_writes() -> None:
    macro = (PROJECT / "dbt/macros/gap_causes.sql").read_text().partition("return([")[2].partition("])")[0]
    assert re.findall(r'"(\w+)"', macro) == list(map(str, Cause))


def test_every_measure_says_over_what_it_may_be_added_up() -> None:
    silent = [
        f"{mart}.{name}"
        for mart, columns in contracts().items()
        for name, column in columns.items()
        if column["data_type"] in ("bigint", "double precision", "integer", "interval", "numeric")
        and mart != "dim_dates"
        and name not in NO_MEASURES
        and "additive" not in column["description"].lower()
    ]
    assert silent == []
