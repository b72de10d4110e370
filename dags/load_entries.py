"""
### load_entries

Takes in files of manual entries: stories that were captured by hand or handed in by their creators, numbers from
screenshots, and what people decide about campaigns. Put a CSV or XLSX file into the folder `inbox` of
STORYKEEP_WORK_DIR, its screenshots beside it in a folder or zip of the same name, and start this by hand. Without a
file name it takes every file that lies there. The same file twice changes nothing.

`land` takes in the good rows and moves the file to `inbox/done`; its rejected rows are beside it there, with reason and
remedy, as a file that can be mended and put into the inbox again. `landed` tells build_marts. `approve` asks another
person than the author (Required Actions, in the menu Browse) whether numbers may count, for three days; then, or with
the answer Later, they wait for `storykeep entries approve`. It is skipped when no numbers came or
STORYKEEP_ENTRY_APPROVAL is off.

#### When it fails

- **land**: nothing can be taken in: the file is not in the inbox, a parameter makes no sense, or a folder cannot be
  written. The message says which. A file that is no use stays in the inbox; the log names it and the others are loaded.
- **approve**: the answer came from who entered the numbers, or started this run. Nothing was written down: clear the
  task, and let another person answer.
- **report_rejects**: rows were rejected, or a file was no use. All good rows have landed. The message names the files
  to mend.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from storykeep.airflow import tasks
from storykeep.airflow.approval import ApproveNumbers
from storykeep.airflow.assets import RAW_ENTRIES

KINDS = ["story_capture", "creator_upload", "story_metrics", "assign", "confirm_match"]
LIMIT = timedelta(minutes=30)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # One that waits for approval holds up no other.
    max_active_runs=16,
    default_args={"retries": 0},
    params={
        "file": Param(
            None,
            type=["null", "string"],
            maxLength=200,
            pattern=r"^[^/\\\x00-\x1f]*$",
            title="File",
            description="Its name in the inbox, such as november.xlsx; empty for every file that lies there",
        ),
        "kind": Param(
            None,
            type=["null", "string"],
            enum=[None, *KINDS],
            title="Kind",
            description="Of all rows; empty when the file has a column kind",
        ),
        "author": Param(
            None,
            type=["null", "string"],
            maxLength=100,
            pattern=r"^[^\x00-\x1f]*$",
            title="Author",
            description="Who entered it; empty for whoever starts this",
        ),
        "date_format": Param(
            None,
            type=["null", "string"],
            maxLength=40,
            pattern=r"^[^\x00-\x1f]*$",
            title="Date format",
            description="How times are written, such as %d/%m/%Y %H:%M; empty for ISO 8601",
        ),
        "time_zone": Param(
            "UTC",
            type="string",
            pattern=r"^[A-Za-z0-9_+/-]{1,64}$",
            title="Time zone",
            description="Of times that name none, such as Europe/Berlin",
        ),
    },
    doc_md=__doc__,
    tags=["storykeep"],
)
def load_entries() -> None:
    """Land, ask, report."""

    @task(execution_timeout=LIMIT)
    def land(file: str, kind: str, author: str, date_format: str, time_zone: str) -> dict[str, Any]:
        return tasks.land_entries(file, kind, author, date_format, time_zone)

    @task(outlets=[RAW_ENTRIES], execution_timeout=LIMIT)
    def landed(counts: list[dict[str, Any]]) -> None:
        tasks.skip_unless_landed(counts)

    @task(trigger_rule="all_done", execution_timeout=LIMIT)
    def report_rejects(counts: dict[str, Any] | None) -> None:
        tasks.report_rejects(counts)

    counts = land(
        "{{ params.file or '' }}",
        "{{ params.kind or '' }}",
        "{{ params.author or '' }}",
        "{{ params.date_format or '' }}",
        "{{ params.time_zone }}",
    )
    approve = ApproveNumbers(task_id="approve", outlets=[RAW_ENTRIES])
    counts >> approve
    [landed([counts]), approve] >> report_rejects(counts)


load_entries()
