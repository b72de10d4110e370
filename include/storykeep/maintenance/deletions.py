"""Carries out deletion requests: everything that is kept of an account goes, and a certificate tells what that was.

The marts lose it with the next build, which makes every table anew.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

import psycopg

from storykeep.accounts.goodbye import requests
from storykeep.accounts.goodbye.leaving import Left
from storykeep.accounts.goodbye.marts import shown
from storykeep.accounts.goodbye.purge import bury, entry_files, purge_entries, purge_media, purge_rows
from storykeep.accounts.goodbye.requests import Concerned, Request
from storykeep.accounts.goodbye.revoking import revoked
from storykeep.accounts.states import GOODBYE
from storykeep.accounts.vault import Vault
from storykeep.capture.outage import snapshot, spool
from storykeep.clock import Clock
from storykeep.entries import inbox
from storykeep.errors import StorykeepError
from storykeep.graph.client import GraphClient
from storykeep.landing.runs import ledger
from storykeep.landing.storage import open_root
from storykeep.settings import Flavour, Settings
from storykeep.transform import last_build
from storykeep.transform.turn import turn
from storykeep.warehouse import connect

log = logging.getLogger(__name__)


def carry_out_all(
    settings: Settings, clients: Mapping[Flavour, GraphClient], clock: Clock, run_id: str
) -> dict[str, int]:
    """Carry out every open request; returns the counts of all. One that fails does not hold up the others.

    Raises StorykeepError naming each request that failed; they go on at the next try.
    """
    faults: list[str] = []
    with (
        connect(settings.warehouse, "storykeep_ingest") as conn,
        ledger(conn, "maintain", f"{run_id}/deletions", clock) as run,
    ):
        run.counts["recalled after a restore"] = requests.recall(conn, settings.work_dir)
        for request in requests.open_requests(conn):
            try:
                done = carry_out(settings, clients, request, clock())
                run.counts["deletion requests"] += 1
                run.counts.update(done.certificate)
            except StorykeepError as error:
                faults.append(f"{request.code}: {error}")
        if faults:
            raise StorykeepError(
                "; ".join(faults), where="deletion requests", remedy="mend what is told there; the next run goes on"
            )
    return dict(run.counts)


def carry_out(settings: Settings, clients: Mapping[Flavour, GraphClient], request: Request, now: datetime) -> Request:
    """Purge the accounts that a request is about; returns it with its certificate.

    Capture leaves them alone from the first moment on. Then it waits for a build under way. It may be killed at any
    moment, and be called again. Raises StorykeepError when a disk or the storage refuses.
    """
    with connect(settings.warehouse, "storykeep_ingest") as conn:
        accounts = requests.concerned(conn, request)
        left = {account.account_id: bury(conn, account.account_id, now) for account in accounts}
        for account in accounts:
            _forget_on_disk(settings, conn, request, account)
        _revoke(settings, conn, clients, [one for one in left.values() if one and one.status not in GOODBYE])
        if accounts:
            with turn(settings) as marts:
                # Before the first row goes. Incremental builds do not see that rows are gone.
                last_build.forget(settings)
                for account in accounts:
                    _purge(settings, conn, marts, request, account)
        requests.close(conn, request, now)
        done = requests.find(conn, request.code) or request
        log.info("deletion request %s: %s", done.code, done.certificate)
        return done


def _forget_on_disk(settings: Settings, conn: psycopg.Connection, request: Request, account: Concerned) -> None:
    """Forget it in what ticks leave on the disk for when Postgres is away."""
    place = spool.folder(settings)
    snapshot.forget_all(place, account.account_id, account.ig_user_id)
    requests.count(conn, request.code, {"spooled replies": spool.forget(place, account.account_id)})
    conn.commit()


def _revoke(
    settings: Settings, conn: psycopg.Connection, clients: Mapping[Flavour, GraphClient], ended: list[Left]
) -> None:
    """Ask the API to revoke their tokens. What it refuses is told, and stops nothing."""
    if not ended:
        return
    vault = Vault(settings.token_keys)
    for left in ended:
        told = revoked(conn, vault, clients, left)
        log.log(logging.WARNING if isinstance(told, StorykeepError) else logging.INFO, "%s", told)


def _purge(
    settings: Settings, conn: psycopg.Connection, marts: psycopg.Connection, request: Request, account: Concerned
) -> None:
    root = open_root(settings.media_root)
    purge_media(conn, root, account.account_id, request.code)
    # Before the entries, by which they are found.
    loaded = inbox.forget(settings, entry_files(conn, account.account_id))
    requests.count(conn, request.code, {"loaded files of entries": loaded})
    conn.commit()
    purge_entries(conn, root, account.account_id, request.code)
    purge_rows(conn, account.account_id, request.code, shown(marts, account.account_id))
