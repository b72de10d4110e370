"""
### maintain_warehouse

Keeps the warehouse sound and bounded, once a day. `check_rebuild` builds every mart from raw beside the standing ones,
as of the same moment, and compares them row by row: once a week, and when the run is started with `rebuild` ticked.
`carry_out_deletions` deletes all that is kept of the accounts whose deletion was asked for; the next build drops them
from the marts. `purge_unmatched` deletes the stories of no campaign that STORYKEEP_KEEP wants gone, and none under
another policy. `apply_retention` drops the days of raw replies and listings that are older than
STORYKEEP_RETENTION_DAYS, and nothing when that is not set. `prune_data_docs` deletes what the checks of all but the
last 50 builds wrote. Builds wait meanwhile, capture does not.

Airflow's own metadata and task logs cannot be pruned from a task, which has no access to them: the service `janitor` of
docker-compose.yaml does that.

#### When it fails

- **check_rebuild**: the standing marts are not what raw comes to. The message names mart and keys; nothing was changed,
  and retention does not drop anything until they agree. Take a backup, and find out which side is right. If raw is,
  `storykeep build --anew` brings the marts to it. If a build itself failed, its message is that of build_marts.
- **carry_out_deletions**: a disk or the storage refused; the message names it and the request. What was deleted stays
  so, nothing more is captured of the account, and the next run goes on.
- **purge_unmatched**: the storage would not delete a file; the message names it. Its stories go at the next run.
- **apply_retention**: a partition could not be had because somebody has a transaction open on the table, or Postgres
  refused. What was dropped before it is whole; the next run goes on.
- **prune_data_docs**: the work folder cannot be written. The message names the path.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, task

from storykeep.airflow import tasks


@dag(
    schedule=timedelta(days=1),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "execution_timeout": timedelta(hours=4)},
    params={
        "rebuild": Param(
            False,
            type="boolean",
            title="Rebuild",
            description="Compare the marts with a rebuild from raw, even if that was done less than a week ago",
        )
    },
    doc_md=__doc__,
    tags=["storykeep"],
)
def maintain_warehouse() -> None:
    """Prove the marts, then delete what is not to be kept."""

    @task
    def check_rebuild() -> dict[str, int]:
        return tasks.check_rebuild()

    # A creator's wish does not wait for the marts to be sound.
    @task(trigger_rule="all_done")
    def carry_out_deletions() -> dict[str, int]:
        return tasks.carry_out_deletions()

    # Most days the rebuild is not due and skipped.
    @task(trigger_rule="none_failed")
    def purge_unmatched() -> dict[str, int]:
        return tasks.purge_unmatched()

    @task
    def apply_retention() -> dict[str, int]:
        return tasks.apply_retention()

    @task
    def prune_data_docs() -> dict[str, int]:
        return tasks.prune_data_docs()

    proof = check_rebuild()
    proof >> purge_unmatched() >> apply_retention()
    proof >> carry_out_deletions()
    prune_data_docs()


maintain_warehouse()
