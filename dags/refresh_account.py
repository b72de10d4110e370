"""
### refresh_account

Lists one account and reads all of its live stories now, beside the schedule. Start it by hand and name the handle. It
lands the rows and moves the clocks that capture_stories would, so running both at once does no harm. An account may be
refreshed four times an hour, and only while its rate-limit pool and its app's have room: what is left of a nearly full
pool is kept for the last readings of stories. New files are archived by the next run of capture_stories.

`landed` tells build_marts that there is something new. `judge` says whether all of the account was read.

#### When it fails

- **refresh**: nothing was sent. The message says why and what to do: the handle is unknown, the account is not
  connected or in trouble, or it may not be refreshed before the time that is named. Start it again then.
- **judge**: a part was not read; what was read has landed. The log of `refresh` says more. The schedule reads the rest
  by itself, unless the connection has ended: then the message says who has to act.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, task

from storykeep.airflow import tasks
from storykeep.airflow.assets import RAW_STORIES


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "execution_timeout": timedelta(minutes=5)},
    params={
        "handle": Param(
            type="string",
            pattern=r"^@?[A-Za-z0-9._]{1,30}$",
            title="Handle",
            description="The account on Instagram, such as mila.berg",
        )
    },
    doc_md=__doc__,
    tags=["storykeep"],
)
def refresh_account() -> None:
    """Refresh, say that it landed, judge."""

    @task
    def refresh(handle: str) -> dict[str, int]:
        return tasks.refresh_account(handle)

    @task(outlets=[RAW_STORIES])
    def landed(counts: list[dict[str, int]]) -> None:
        tasks.skip_unless_landed(counts)

    @task
    def judge(handle: str) -> None:
        tasks.judge_refresh(handle)

    handle = "{{ params.handle }}"
    counts = refresh(handle)
    landed([counts])
    counts >> judge(handle)


refresh_account()
