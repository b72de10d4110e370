"""What the tasks call: the settings of the deployment, a connection in the right role, one call into the house."""

import logging
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Literal

import psycopg
from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from storykeep.airflow.hook import deployment
from storykeep.capture.engine import capture_or_spool, raise_trouble
from storykeep.capture.media import archive_media
from storykeep.capture.refresh import outcome_of, raise_unread, refresh
from storykeep.clock import parse_time, system_clock
from storykeep.content.engine import sync_now
from storykeep.errors import StorykeepError
from storykeep.graph.client import open_clients
from storykeep.landing.runs import ledger, outcomes
from storykeep.settings import Settings
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

MOST_ALERT_TASKS = 50


def capture_shard(shard: int) -> dict[str, int]:
    """Capture what is due for one shard of the accounts; returns the counts."""
    settings = deployment()
    run_id = f"{_run_id()}/capture-{shard}"
    clients = open_clients(settings)
    run = capture_or_spool(settings, clients, system_clock, run_id, shard=shard, shards=settings.shards)
    return dict(run.counts)


def skip_unless_landed(counts: Iterable[dict[str, int]]) -> None:
    """Skip, and so emit no asset event, when the run landed nothing, neither of its own nor of the spool."""
    if not any(shard.get("rows") or shard.get("drained") for shard in counts):
        raise AirflowSkipException("nothing was due, so there is nothing to build")


def sync_shard(shard: int) -> dict[str, int]:
    """Read what is due of the content of one shard of the accounts; returns the counts."""
    settings = deployment()
    run_id = f"{_run_id()}/content-{shard}"
    run = sync_now(settings, open_clients(settings), system_clock, run_id, shard=shard, shards=settings.shards)
    return dict(run.counts)


def archive() -> None:
    """Archive the media of the stories that still run."""
    settings = deployment()
    with closing(_ingest(settings)) as conn:
        archive_media(conn, settings, open_clients(settings), system_clock, f"{_run_id()}/media")


def summarise() -> None:
    """Log what each shard of capture did and fail when some accounts were not captured for no fault of theirs."""
    _summarise("capture")


def summarise_content() -> None:
    """Log what each shard did of the content and fail when some accounts were not read for no fault of theirs."""
    _summarise("content")


def refresh_account(handle: str) -> dict[str, int]:
    """List and read one account now; returns the counts. Fails, naming the remedy, when that is not possible."""
    settings = deployment()
    with closing(_ingest(settings)) as conn:
        run = refresh(conn, settings, open_clients(settings), system_clock, _run_id(), handle)
    return dict(run.counts)


def judge_refresh(handle: str) -> None:
    """Fail when the account's refresh in this run of the DAG did not read all of it."""
    settings = deployment()
    with closing(_ingest(settings)) as conn:
        raise_unread(conn, settings, handle, outcome_of(conn, _run_id(), handle).causes)


def land_entries(file: str, kind: str, author: str, date_format: str, time_zone: str) -> dict[str, Any]:
    """Load one file of the inbox, or all; returns counts, and of each file that was loaded how many rows it rejected.

    Without an author it is whoever started the run.
    """
    from storykeep.entries import inbox
    from storykeep.entries.load import Request
    from storykeep.entries.options import reading

    settings = deployment()
    told = reading(kind or None, date_format=date_format or None, time_zone=time_zone)
    request = Request(Path(file), author or _starter(), told)
    with closing(_ingest(settings)) as conn:
        taken = inbox.take_in(conn, settings, request, system_clock(), _run_id())
    loaded = [one.loaded for one in taken if one.loaded]
    return {
        "rows": sum(one.landed for one in loaded),
        "rejected": {one.file_hash: len(one.rejected) for one in loaded if one.rejected},
        "unusable": sum(one.error is not None for one in taken),
    }


def numbers_to_approve() -> str:
    """What this run brought that waits for another person's approval, for that person to read. Skips without any."""
    from storykeep.entries import approvals

    settings = deployment()
    with closing(_ingest(settings)) as conn:
        found = approvals.of_run(approvals.waiting(conn), _run_id())
    if not found:
        raise AirflowSkipException("nothing of this run waits for approval")
    return approvals.told(found)


def decide_on_numbers(decision: Literal["approved", "rejected"], by: str) -> dict[str, int]:
    """Write down what was decided on the numbers of this run that still wait; returns of how many.

    Fails when `by` entered them, or started the run that did.
    """
    from storykeep.entries import approvals

    settings = deployment()
    with closing(_ingest(settings)) as conn:
        found = approvals.of_run(approvals.waiting(conn), _run_id())
        count = approvals.decide(conn, found, decision, by, system_clock(), entered_by=[_starter()])
    return {decision: count}


def report_rejects(counts: dict[str, Any] | None) -> None:
    """Fail, naming the files with the reasons, when rows of this run's files were rejected or a file was no use.

    It fails as well when nothing was loaded: this is the last task of the DAG, and decides how Airflow counts the run.
    """
    from storykeep.entries import inbox
    from storykeep.entries.evidence import REJECTED

    remedy = "see the log of land: it says what to mend"
    if counts is None:
        raise StorykeepError("the files were not loaded", where="land", remedy=remedy)
    done = inbox.folder(deployment()) / "done"
    rejected = counts["rejected"]
    if rejected:
        files = ", ".join(sorted(path.name for one in rejected for path in done.glob(f"{one}_*{REJECTED}")))
        raise StorykeepError(
            f"{sum(rejected.values())} rows were rejected; the others have landed",
            where=str(done),
            remedy=f"mend these and put them into the inbox: {files}",
        )
    if counts["unusable"]:
        raise StorykeepError(f"{counts['unusable']} files could not be used", where=str(done.parent), remedy=remedy)


def check_landing() -> dict[str, Any]:
    """Check the rows that landed since the last build.

    Returns the time as of which this run builds, and how far it has checked: the last landing id by raw table. What
    lands from here on is for the next run.
    """
    from storykeep.quality.landing import check_landing

    as_of = system_clock()
    return {"as_of": as_of.isoformat(), "watermarks": check_landing(deployment(), as_of).watermarks}


def dbt_build(as_of: str, watermarks: dict[str, int]) -> None:
    """Build and test every model in schema build, of the rows that were checked: those up to `watermarks`."""
    from storykeep.transform import dbt
    from storykeep.transform.turn import turn

    settings = deployment()
    with turn(settings):
        _skip_if_overtaken(settings, as_of)
        dbt.build(settings, parse_time(as_of), watermarks)
    dbt.warn_of_old_sources(settings, parse_time(as_of))


def check_release(as_of: str) -> None:
    """Check the built marts before anybody sees them."""
    from storykeep.quality.release import check_release
    from storykeep.transform.turn import turn

    settings = deployment()
    with turn(settings):
        _skip_if_overtaken(settings, as_of)
        check_release(settings, parse_time(as_of))


def publish(as_of: str, watermarks: dict[str, int]) -> dict[str, int]:
    """Bring the marts that BI reads to the rows that this run built and checked; returns the rows changed by table."""
    from storykeep.transform.publish import publish

    settings = deployment()
    _skip_if_overtaken(settings, as_of)
    with closing(_ingest(settings)) as conn, ledger(conn, "build", _run_id(), system_clock) as run:
        run.counts.update(publish(settings, parse_time(as_of), watermarks))
    return dict(run.counts)


def check_tokens() -> list[dict[str, str]]:
    """Inspect and refresh every token; returns the accounts in trouble that nobody was told of, the worst first.

    They are at most as many as get a task of their own.
    """
    from storykeep.accounts.watch import check

    settings = deployment()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        alerts = check(conn, settings, system_clock, f"{_run_id()}/tokens")
    handles = {alert.account_id: f"@{alert.username}" for alert in alerts}
    if len(handles) > MOST_ALERT_TASKS:
        log.warning("%d more accounts get no task of their own: see tell", len(handles) - MOST_ALERT_TASKS)
    return [{"account_id": one, "handle": handle} for one, handle in handles.items()][:MOST_ALERT_TASKS]


def alert(account: dict[str, str]) -> None:
    """Fail with what is to be told of one account, if that was not told yet."""
    from storykeep.accounts.watch import raise_untold

    settings = deployment()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        raise_untold(conn, settings, system_clock, account["account_id"])


def notify() -> dict[str, int]:
    """Send each channel's digests; returns how many. Fails when a channel did not take one."""
    from storykeep.accounts.notify import notify
    from storykeep.accounts.watch import standing
    from storykeep.airflow.notifier import deliver

    settings = deployment()
    if not settings.alert_connections:
        raise AirflowSkipException("STORYKEEP_ALERT_CONNECTIONS names no channel: this run is the telling")
    send = partial(deliver, alert_to=settings.alert_to)
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        alerts = standing(conn, settings, system_clock())
        return {"digests": notify(conn, settings.alert_connections, alerts, send, system_clock)}


def tell() -> None:
    """Log and record what is to be told; fail when there was anything, or when another task of this run failed."""
    from storykeep.accounts.watch import conclude

    settings = deployment()
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        conclude(conn, settings, system_clock, f"{_run_id()}/tokens")


def check_rebuild() -> dict[str, int]:
    """Once a week, or when the run asks for it, compare the marts with a rebuild from raw; fail when they differ."""
    from storykeep.maintenance.maintain import prove_marts, rebuild_is_due

    settings = deployment()
    if not get_current_context()["params"]["rebuild"] and not rebuild_is_due(settings, system_clock()):
        raise AirflowSkipException("the marts were found equal to a rebuild less than a week ago")
    return prove_marts(settings, system_clock, _run_id())


def carry_out_deletions() -> dict[str, int]:
    """Purge the accounts whose deletion was asked for; returns the counts."""
    from storykeep.maintenance.deletions import carry_out_all

    settings = deployment()
    return carry_out_all(settings, open_clients(settings), system_clock, _run_id())


def purge_unmatched() -> dict[str, int]:
    """Delete what was captured of stories that match no campaign, where the policy says so; returns the counts."""
    from storykeep.transform.purge import purge_unmatched

    return purge_unmatched(deployment(), system_clock())


def apply_retention() -> dict[str, int]:
    """Drop the raw days that are older than the setting says; returns the counts."""
    from storykeep.maintenance.maintain import apply_retention

    return apply_retention(deployment(), system_clock, _run_id())


def prune_data_docs() -> dict[str, int]:
    """Delete the results and pages of the checks of all but the last builds; returns the count."""
    from storykeep.maintenance.maintain import prune_data_docs

    return prune_data_docs(deployment(), system_clock, _run_id())


def _skip_if_overtaken(settings: Settings, as_of: str) -> None:
    """Skip when a later build, of the weekly rebuild or by hand, took the tables over: it publishes all of this."""
    from storykeep.transform.last_build import is_overtaken

    if is_overtaken(settings, parse_time(as_of), system_clock()):
        raise AirflowSkipException("a build as of a later moment has begun since, and publishes all of this")


def _summarise(what: str) -> None:
    """Fail, naming each account that was not served and saying how many shards did not end well.

    It fails for such a shard as well: this is a last task of its DAG, and only those decide how Airflow counts the run.
    """
    settings = deployment()
    with closing(_ingest(settings)) as conn:
        found = outcomes(conn, f"{_run_id()}/{what}-")
    causes: dict[str, set[str]] = {}
    for outcome in found:
        log.info("%s: %s %s", outcome.run_id, outcome.status, outcome.counts)
        for cause, who in outcome.causes.items():
            causes.setdefault(cause, set()).update(who)
    raise_trouble(causes)
    lost = settings.shards - sum(outcome.status in ("ok", "trouble") for outcome in found)
    if lost > 0:
        raise StorykeepError(
            f"{lost} of {settings.shards} shards did not end well",
            where=what,
            remedy="the log of the task that failed says why; the next run tries again by itself",
        )


def _ingest(settings: Settings) -> psycopg.Connection:
    conn = connect(settings.warehouse, "storykeep_ingest")
    conn.autocommit = True
    return conn


def _starter() -> str:
    """Who started the run, as far as Airflow knows."""
    return str(get_current_context()["dag_run"].triggering_user_name or "")


def _run_id() -> str:
    return str(get_current_context()["run_id"])
