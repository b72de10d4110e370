"""
### sync_content

Reads what does not vanish, at its own cadence: feed posts and reels every hour, their numbers hourly, daily and then
weekly until they are 90 days old, profiles every day, the insights of each finished day, and audiences every week. Each
run does what is due. Every chunk of replies is committed before the next is asked for, so a run that dies loses nothing
that it had. The shards run one after the other, so that capture_stories always has room beside them.

`landed` tells build_marts that there is something new. `summary` says what was done.

#### When it fails

- **sync**: the shard could not work at all, or Postgres went away; the log says why. Mend that: the next run catches
  up, with days for 30 days.
- **summary**: the accounts that it names were not read, for a reason of ours or of the platform. The lines of `sync`
  about them say more; throttling and outages pass by themselves. Or a shard did not end well: see `sync`.

Accounts whose rate-limit pool is 80 % full are left alone, and counted as spared: what is left is for their stories. A
creator's own trouble (an ended token, a missing permission) fails watch_tokens, not this DAG.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

from storykeep.airflow import tasks
from storykeep.airflow.assets import RAW_CONTENT
from storykeep.settings import Settings

settings = Settings.from_env()


@dag(
    schedule=timedelta(hours=1),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "execution_timeout": timedelta(hours=1)},
    doc_md=__doc__,
    tags=["storykeep"],
)
def sync_content() -> None:
    """Read what is due, then say that it landed."""

    @task(max_active_tis_per_dag=1)
    def sync(shard: int) -> dict[str, int]:
        return tasks.sync_shard(shard)

    @task(outlets=[RAW_CONTENT], trigger_rule="all_done")
    def landed(counts: list[dict[str, int]]) -> None:
        tasks.skip_unless_landed(counts)

    @task(trigger_rule="all_done")
    def summary() -> None:
        tasks.summarise_content()

    landed(sync.expand(shard=list(range(settings.shards)))) >> summary()


sync_content()
