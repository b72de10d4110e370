"""The steps of a run of the token watch: check, notify, conclude; and all of it at once for the console script."""

import logging
from collections.abc import Sequence
from datetime import datetime

import psycopg

from storykeep.accounts.alerts import Alert, TokensInTroubleError, due, tell, told, urgency
from storykeep.accounts.connections import held
from storykeep.accounts.forecast import HEADER, lapses
from storykeep.accounts.health import check_tokens, unreadable
from storykeep.accounts.notify import undelivered
from storykeep.accounts.signin.attempts import end_abandoned
from storykeep.accounts.snooze import awake, snoozed
from storykeep.accounts.vault import Vault
from storykeep.clock import Clock
from storykeep.errors import StorykeepError
from storykeep.graph.client import open_clients
from storykeep.landing.runs import ledger, outcomes
from storykeep.settings import Settings

log = logging.getLogger(__name__)

MOST_ROWS = 200
"""What a table in the log holds at most."""


def watch_tokens(conn: psycopg.Connection, settings: Settings, clock: Clock) -> None:
    """Inspect and renew every connection's token.

    Raises TokensInTroubleError with one line for each thing that nobody was told yet. Each is told once: the lines
    are in the log before they are recorded as told, so a crash in between tells twice rather than never.
    """
    alerts = check(conn, settings, clock, f"tokens-{clock():%Y-%m-%dT%H:%M:%SZ}")
    if alerts:
        for alert in alerts:
            log.warning("%s", alert.line)
        tell(conn, alerts, clock())
        raise TokensInTroubleError(alerts)


def check(conn: psycopg.Connection, settings: Settings, clock: Clock, run_id: str) -> list[Alert]:
    """Inspect and renew, log the forecast, and return what nobody was told yet, the most urgent first.

    Sign-ins that nobody finished are ended as well.
    """
    end_abandoned(conn, clock())
    with ledger(conn, "tokens", run_id, clock) as run:
        alerts = check_tokens(conn, Vault(settings.token_keys), open_clients(settings), clock)
        run.counts["alerts"] = len(alerts)
    ahead = lapses(conn, clock())
    if ahead:
        log.info("forecast: who lapses before the last story of a campaign has lived")
        _log_table(logging.INFO, HEADER, [lapse.row for lapse in ahead])
    return alerts


def standing(conn: psycopg.Connection, settings: Settings, now: datetime, account_id: str | None = None) -> list[Alert]:
    """What every connection (or that of one account) calls for and is not snoozed, told or not."""
    connections = held(conn, account_id)
    alerts = [*unreadable(connections, Vault(settings.token_keys)), *due(connections, now, ())]
    return sorted(awake(alerts, snoozed(conn, now)), key=urgency)


def raise_untold(conn: psycopg.Connection, settings: Settings, clock: Clock, account_id: str) -> None:
    """Raises TokensInTroubleError with what is to be told of one account and was not told yet."""
    already = told(conn)
    alerts = [alert for alert in standing(conn, settings, clock(), account_id) if alert.key not in already]
    if alerts:
        raise TokensInTroubleError(alerts)


def conclude(conn: psycopg.Connection, settings: Settings, clock: Clock, run_id: str) -> None:
    """Log a table of what nobody was told yet, and record it as told as far as every channel took it.

    Raises TokensInTroubleError if there was anything to tell, and StorykeepError when a channel has something still to
    take: this is the last task of the DAG, which decides how its run counts. So it does when the check of this run did
    not end well, and then nothing is told, since a renewal may be all that was missing.
    """
    if not any(outcome.status == "ok" for outcome in outcomes(conn, run_id)):
        raise StorykeepError("the check did not end well", where="check_tokens", remedy="its log says why")
    now = clock()
    every, already = standing(conn, settings, now), told(conn)
    held_back = undelivered(conn, settings.alert_connections, every, now)
    alerts = [alert for alert in every if alert.key not in already]
    if alerts:
        _log_table(logging.WARNING, ("handle", "reason", "days left", "owner", "remedy"), [_row(one) for one in alerts])
        if held_back:
            log.error("%d alerts count as not told, since a channel did not take them: see notify", len(held_back))
        tell(conn, [alert for alert in alerts if alert.key not in held_back], now)
        raise TokensInTroubleError(alerts)
    if held_back:
        raise StorykeepError(
            f"{len(held_back)} alerts were not delivered",
            where="notify",
            remedy="its log names channel and reason; the next run tries again",
        )


def _row(alert: Alert) -> tuple[str, ...]:
    return f"@{alert.username}", alert.reason, alert.left, alert.owner, alert.remedy


def _log_table(level: int, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Log lines in columns; the last one is as long as it is."""
    shown = [header, *rows[:MOST_ROWS]]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)][:-1]
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        log.log(level, "%s", "  ".join([*cells, row[-1]]))
    if len(rows) > MOST_ROWS:
        log.log(level, "and %d more", len(rows) - MOST_ROWS)
