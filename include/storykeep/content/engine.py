"""A run over the content of accounts from its beginning to its end."""

import logging
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta

import psycopg

from storykeep.accounts import registry
from storykeep.accounts.vault import Vault
from storykeep.capture import notices
from storykeep.capture.engine import summary, usable
from storykeep.clock import Clock
from storykeep.content import clocks
from storykeep.content.insights import read_audiences, read_days
from storykeep.content.planner import plan, readings
from storykeep.content.posts import list_posts, read_posts
from storykeep.content.profiles import read_profiles
from storykeep.content.run import ContentRun
from storykeep.graph.client import GraphClient
from storykeep.landing.runs import Run, ledger
from storykeep.settings import Flavour, Settings
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

# All shards together, one after the other, begin nothing after this time: the next run is due after an hour.
BEGIN_WITHIN = timedelta(minutes=45)


def sync_content(
    conn: psycopg.Connection,
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    run_id: str,
    *,
    shard: int = 0,
    shards: int = 1,
) -> Run:
    """Do what is due for one shard of the accounts: profiles, lists of posts, their numbers, days, audiences.

    What there is no time or no room for is left to the next run. `conn` is in autocommit mode: every chunk of replies
    is a transaction of its own. Nothing is spooled when Postgres goes away, as posts do not vanish: the next run asks
    again. Raises StorykeepError only for what stops everything, such as a missing token key.
    """
    with ledger(conn, "content", run_id, clock) as run:
        found = registry.capturable(conn, Vault(settings.token_keys), shard=shard, shards=shards)
        connections = usable(found, clients, run)
        content = ContentRun(
            conn=conn,
            clients=clients,
            clock=clock,
            run=run,
            connections=connections,
            ends_at=run.clock_at + BEGIN_WITHIN / shards,
        )
        content.look(connections)
        _work(content)
        _note_left(content)
        log.info("%s: %s", run.run_id, summary(run))
    return run


def sync_now(
    settings: Settings,
    clients: Mapping[Flavour, GraphClient],
    clock: Clock,
    run_id: str,
    *,
    shard: int = 0,
    shards: int = 1,
) -> Run:
    """Do the same over a connection of its own."""
    with closing(connect(settings.warehouse, "storykeep_ingest")) as conn:
        conn.autocommit = True
        return sync_content(conn, settings, clients, clock, run_id, shard=shard, shards=shards)


def _work(content: ContentRun) -> None:
    """Do what is due, in its order."""
    work = plan(clocks.accounts(content.conn, content.connections.values()), content.now)
    read_profiles(content, work.profiles)
    list_posts(content, work.posts)
    # Looked at only now, for the posts that the lists brought.
    read_posts(content, readings(clocks.posts(content.conn, content.connections.keys()), content.now))
    read_days(content, work.days)
    read_audiences(content, work.audiences)
    notices.keep_refused(content, "post")


def _note_left(content: ContentRun) -> None:
    """Note how many accounts were left alone for the sake of their stories, and what there was no time for."""
    if content.spared:
        content.run.counts["accounts spared"] = len(content.spared)
    if content.left:
        content.run.counts["left for the next run"] = len(content.left)
