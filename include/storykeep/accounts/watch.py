"""`storykeep tokens check`: one run of the token watch, written down, that fails when people must be told something."""

import logging

import psycopg

from storykeep.accounts.alerts import TokensInTroubleError, tell
from storykeep.accounts.health import check_tokens
from storykeep.accounts.signin.attempts import end_abandoned
from storykeep.accounts.vault import Vault
from storykeep.clock import Clock
from storykeep.graph.client import open_clients
from storykeep.landing.runs import ledger
from storykeep.settings import Settings

log = logging.getLogger(__name__)


def watch_tokens(conn: psycopg.Connection, settings: Settings, clock: Clock) -> None:
    """Inspect and renew every connection's token.

    Raises TokensInTroubleError with one line for each thing that nobody was told yet. Each is told once: the lines
    are in the log before they are recorded as told, so a crash in between tells twice rather than never.
    """
    end_abandoned(conn, clock())
    with ledger(conn, "tokens", f"tokens-{clock():%Y-%m-%dT%H:%M:%SZ}", clock) as run:
        alerts = check_tokens(conn, Vault(settings.token_keys), open_clients(settings), clock)
        run.counts["alerts"] = len(alerts)
    if alerts:
        for alert in alerts:
            log.warning("%s", alert.line)
        tell(conn, alerts, clock())
        raise TokensInTroubleError(alerts)
