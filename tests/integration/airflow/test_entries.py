"""What the tasks of load_entries do with a file in the inbox, from landing to the answer of a person."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from tests.integration.airflow.conftest import RUN_ID
from tests.integration.entries.conftest import PNG

from storykeep.accounts.registry import import_accounts
from storykeep.accounts.rows import COLUMNS
from storykeep.accounts.vault import Vault
from storykeep.clock import system_clock
from storykeep.errors import StorykeepError
from storykeep.settings import Settings

pytestmark = pytest.mark.integration

TEXT = "account;story_id;views;evidence\nnora;1801;1.234;a.png\nnora;1802;-1;a.png\n"


@pytest.fixture
def inbox(tasks: Any, conn: psycopg.Connection, warehouse: Settings) -> Path:
    rows = f"{','.join(COLUMNS)}\nfacebook,1001,nora,,,,,\n"
    import_accounts(conn, Vault(warehouse.token_keys), rows, system_clock())
    folder = warehouse.work_dir / "inbox"
    (folder / "november").mkdir(parents=True)
    (folder / "november" / "a.png").write_bytes(PNG)
    (folder / "november.csv").write_text(TEXT)
    return folder


@pytest.fixture
def context(tasks: Any) -> Any:
    """The run that `ida` started."""
    from airflow.sdk.execution_time.context import set_current_context

    told = {"run_id": RUN_ID, "dag_run": SimpleNamespace(triggering_user_name="ida")}
    with set_current_context(told):  # type: ignore[typeddict-item]
        yield told


def land(tasks: Any, file: str = "november.csv", kind: str = "story_metrics", author: str = "") -> dict[str, Any]:
    counts: dict[str, Any] = tasks.land_entries(file, kind, author, "", "UTC")
    return counts


def answer(option: str, user: dict[str, str] | None) -> Any:
    from storykeep.airflow.approval import ApproveNumbers

    event = {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2026, 11, 21, tzinfo=UTC),
        "responded_by_user": user,
        "timedout": user is None,
    }
    return ApproveNumbers(task_id="approve").execute_complete({}, event)


def decisions(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    return conn.execute("select decided_by, decision from app.entry_approvals").fetchall()


def test_a_file_lands_moves_to_done_and_its_rejects_fail_the_last_task(
    tasks: Any, context: Any, conn: psycopg.Connection, inbox: Path
) -> None:
    counts = land(tasks)
    (digest,) = counts["rejected"]
    assert counts == {"rows": 1, "rejected": {digest: 1}, "unusable": 0}
    assert conn.execute("select author, run_id from raw.manual_entries").fetchall() == [("ida", f"{RUN_ID}/0")]
    names = {f"{digest}_november.csv", f"{digest}_november.csv.rejected.csv"}
    assert {path.name for path in (inbox / "done").iterdir()} == names
    assert {path.name for path in inbox.iterdir()} == {"done", "november"}
    tasks.skip_unless_landed([counts])
    with pytest.raises(StorykeepError, match=f"1 rows were rejected; .* {digest}_november.csv.rejected.csv"):
        tasks.report_rejects(counts)
    with pytest.raises(StorykeepError, match="the files were not loaded"):
        tasks.report_rejects(None)


def test_the_mended_rejects_land_with_the_screenshots_that_are_still_there(
    tasks: Any, context: Any, conn: psycopg.Connection, inbox: Path
) -> None:
    land(tasks)
    (rejected,) = (inbox / "done").glob("*.rejected.csv")
    mended = rejected.read_text("utf-8-sig").replace("'-1", "0")
    (inbox / "november.csv.rejected.csv").write_text(mended)
    counts = land(tasks, file="")
    assert counts == {"rows": 1, "rejected": {}, "unusable": 0}
    tasks.report_rejects(counts)
    assert {path.name for path in inbox.iterdir()} == {"done"}
    metrics = conn.execute("select payload -> 'metrics' from raw.manual_entries order by landing_id").fetchall()
    assert metrics == [({"views": 1234},), ({"views": 0},)]


def test_a_file_that_is_no_use_stays_and_holds_up_no_other(
    tasks: Any, context: Any, conn: psycopg.Connection, inbox: Path
) -> None:
    (inbox / "a.csv").write_text("what,ever\n1,2\n")
    (inbox / "z.pdf").write_bytes(b"%PDF-")
    (inbox / ".half.csv").write_text(TEXT)
    (inbox.parent / "secret.csv").write_text(TEXT.replace("180", "190"))
    (inbox / "link.csv").symlink_to(inbox.parent / "secret.csv")
    counts = land(tasks, file="")
    assert (counts["rows"], counts["unusable"]) == (1, 1)
    assert {path.name for path in inbox.iterdir()} == {"a.csv", "z.pdf", ".half.csv", "link.csv", "november", "done"}
    with pytest.raises(StorykeepError, match="1 files could not be used"):
        tasks.report_rejects(counts | {"rejected": {}})
    for outside in ("../work.csv", "/etc/hostname", "done/x.csv", "nowhere.csv", "link.csv", ".."):
        with pytest.raises(StorykeepError, match="there is no such file in the inbox"):
            land(tasks, file=outside)


def test_another_person_approves_and_who_entered_or_started_it_does_not(
    tasks: Any, context: Any, conn: psycopg.Connection, inbox: Path
) -> None:
    land(tasks, author="Eve")
    text = tasks.numbers_to_approve()
    assert "  @nora  1801  views 1,234  by Eve, november.csv, evidence/" in text
    for user in ({"id": "7", "name": "eve"}, {"id": "8", "name": "Ida"}):
        with pytest.raises(StorykeepError, match="whoever entered numbers may not approve them"):
            answer("Approve", user)
    assert answer("Later", None) == {}
    assert decisions(conn) == []
    assert answer("Approve", {"id": "9", "name": "bo"}) == {"approved": 1}
    assert decisions(conn) == [("bo", "approved")]
    assert answer("Approve", {"id": "9", "name": "bo"}) == {"approved": 0}


def test_a_rejection_is_written_down_as_well(tasks: Any, context: Any, conn: psycopg.Connection, inbox: Path) -> None:
    land(tasks)
    assert answer("Reject", {"id": "9", "name": ""}) == {"rejected": 1}
    assert decisions(conn) == [("9", "rejected")]


def test_nobody_is_asked_when_nothing_of_this_run_waits(
    tasks: Any, context: Any, conn: psycopg.Connection, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from storykeep.airflow.approval import ApproveNumbers

    monkeypatch.setenv("STORYKEEP_ENTRY_APPROVAL", "off")
    land(tasks)
    assert decisions(conn) == [("policy", "approved")]
    with pytest.raises(AirflowSkipException, match="nothing of this run waits"):
        ApproveNumbers(task_id="approve").execute(context)


def test_without_a_name_nobody_is_the_author(tasks: Any, context: Any, inbox: Path) -> None:
    context["dag_run"].triggering_user_name = None
    with pytest.raises(StorykeepError, match="is no name of a person"):
        land(tasks)
