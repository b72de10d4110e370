"""
### capture_stories

Reads the stories of every connected account before they expire. Each shard of accounts plans for itself: stories in
their last ten minutes first, then listings, then the other readings. Every chunk of replies is committed before the
next is asked for, so a run that dies loses nothing that it had.

`landed` tells build_marts that there is something new. `archive_media` keeps the files. `summary` says what was done.

#### When it fails

- **capture**: the shard could not work at all; the log says why (a token key, a setting). Mend that: the next tick
  catches up, nearest expiry first. Or Postgres is away: then it worked on, and the replies wait on the disk until a
  tick finds Postgres again.
- **archive_media**: a file could not be kept, such as on a full disk. Mend that: files are tried again while their
  story runs.
- **summary**: the accounts that it names were not captured, for a reason of ours or of the platform. The lines of
  `capture` about them say more; throttling and outages pass by themselves. Or a shard did not end well: see `capture`.

A creator's own trouble (an ended token, a missing permission) fails watch_tokens, not this DAG.
Tasks do not retry: the next tick is the retry, and nothing may delay a sweep.
"""

from datetime import UTC, datetime

from airflow.sdk import dag, task

from storykeep.airflow import tasks
from storykeep.airflow.assets import RAW_STORIES
from storykeep.settings import Settings

settings = Settings.from_env()


@dag(
    schedule=settings.tick,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "execution_timeout": settings.tick},
    doc_md=__doc__,
    tags=["storykeep"],
)
def capture_stories() -> None:
    """Capture, then say that it landed."""

    @task
    def capture(shard: int) -> dict[str, int]:
        return tasks.capture_shard(shard)

    @task(outlets=[RAW_STORIES], trigger_rule="all_done")
    def landed(counts: list[dict[str, int]]) -> None:
        tasks.skip_unless_landed(counts)

    @task(trigger_rule="all_done")
    def archive_media() -> None:
        tasks.archive()

    @task(trigger_rule="all_done")
    def summary() -> None:
        tasks.summarise()

    landed(capture.expand(shard=list(range(settings.shards)))) >> [archive_media(), summary()]


capture_stories()
