"""
### watch_tokens

Inspects every connection, refreshes what can be refreshed, and fails when a person has to do something that was not
told yet: 14, 7, 3 and 1 days before a token or the data access ends, and when a connection is lost.

#### When it fails

The last line of the log is the message: for each account the handle, the reason, the days left, who owns the matter
(creator, brand contact or data team) and what to do. Each step is told once; the next run is green again, and
`storykeep status` keeps showing who is in trouble.
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
    """One look at every connection."""

    @task
    def check_tokens() -> None:
        tasks.check_tokens()

    check_tokens()


watch_tokens()
