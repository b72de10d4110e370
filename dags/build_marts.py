"""
### build_marts

Turns what landed into the marts that BI reads. Runs whenever something landed, one run at a time. What lands during a
run, whatever and however often, is built by one run after it.

`check_landing` looks at the new rows and puts the bad ones aside, `dbt_build` builds and tests every model in schema
`build`, `check_release` looks at the result, and `publish` brings the tables of schema `marts` to the same rows in one
transaction. Until then, and whenever a step fails, BI keeps reading the last good marts.

#### When it fails

- **check_landing**: most new rows of a raw table are not as agreed with the API, so that its shape has changed: single
  ones are put into quarantine, and the build goes on without them. The log names table, expectation and sample.
- **dbt_build**: a model, or a test of severity error, failed. The log names it.
- **check_release**: the built marts contradict each other or what is possible. Nothing was published; the built tables
  are in schema `build`.
- **publish**: Postgres refused: mend that and clear the task. Or another run has built since: its tables are not what
  this run checked, so clear the whole run.

Clearing the whole run builds again; so does the next tick.

#### What was checked

Both checks tell the address of the Data Docs in their logs: every expectation of the last 50 builds, with the rows that
broke it. They are files, in `data_docs/` of the work folder (`STORYKEEP_WORK_DIR`), for any browser on that machine.
Warnings stop nothing, and are in the log. `storykeep quarantine list` shows what the marts are built without.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import dag, task

from storykeep.airflow import tasks
from storykeep.airflow.assets import MARTS, RAW_CONTENT, RAW_ENTRIES, RAW_STORIES


@dag(
    schedule=RAW_STORIES | RAW_CONTENT | RAW_ENTRIES,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    default_args={"retries": 0},
    doc_md=__doc__,
    tags=["storykeep"],
)
def build_marts() -> None:
    """Check, build, check, publish."""

    @task(multiple_outputs=True)
    def check_landing() -> dict[str, Any]:
        return tasks.check_landing()

    @task
    def dbt_build(as_of: str, watermarks: dict[str, int]) -> None:
        tasks.dbt_build(as_of, watermarks)

    @task
    def check_release(as_of: str) -> None:
        tasks.check_release(as_of)

    @task(outlets=[MARTS])
    def publish(as_of: str, watermarks: dict[str, int]) -> dict[str, int]:
        return tasks.publish(as_of, watermarks)

    checked = check_landing()
    as_of, watermarks = checked["as_of"], checked["watermarks"]
    dbt_build(as_of, watermarks) >> check_release(as_of) >> publish(as_of, watermarks)


build_marts()
