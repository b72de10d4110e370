"""
### watch_tokens

Inspects every connection, refreshes what can be refreshed, and fails when a person has to do something that was not
told yet: 14, 7, 3 and 1 days before a token or the data access ends, and when a connection is lost. Each step is told
once; then the DAG is green again, and `storykeep status` keeps showing who is in trouble.

`check_tokens` inspects, and logs who lapses before the last story of a campaign. `alert` is a task for each account to
be told of, up to 50, labelled with its handle. `notify` sends a digest per brand, and one to the data team, through
each of STORYKEEP_ALERT_CONNECTIONS. `tell` logs a table of everything that is to be told, records it and fails.

#### When it fails

- **alert**: the message says of this account the reason, the days left, who owns the matter (creator, brand contact or
  data team) and what to do. `storykeep tokens snooze @handle --until DATE` says that somebody knows.
- **tell**: there was something to tell; its log has the table of all accounts. Or another task failed; it names it.
- **notify**: a channel is down, or did not take a digest; the message names channel, reason and remedy. What a channel
  did not take counts as not told: the next run tries again, and goes on failing until it is delivered.
- **check_tokens**: not one token could be inspected; the message says what is to be mended. Nothing was told, since
  nothing was renewed.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

from storykeep.airflow import tasks


@dag(
    schedule=timedelta(hours=1),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 0, "execution_timeout": timedelta(minutes=30)},
    doc_md=__doc__,
    tags=["storykeep"],
)
def watch_tokens() -> None:
    """Look at every connection, then tell."""

    @task
    def check_tokens() -> list[dict[str, str]]:
        return tasks.check_tokens()

    # One after the other, so that many do not take the slots that a sweep needs.
    @task(map_index_template="{{ task.op_kwargs['account']['handle'] }}", max_active_tis_per_dag=1)
    def alert(account: dict[str, str]) -> None:
        tasks.alert(account)

    # A channel may be down for a moment.
    @task(retries=2, retry_delay=timedelta(minutes=1), execution_timeout=timedelta(minutes=5))
    def notify() -> dict[str, int]:
        return tasks.notify()

    @task(trigger_rule="all_done")
    def tell() -> None:
        tasks.tell()

    accounts = check_tokens()
    sent = notify()
    accounts >> sent
    [alert.expand(account=accounts), sent] >> tell()


watch_tokens()
