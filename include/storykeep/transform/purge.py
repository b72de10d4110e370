"""The policy matched_then_purge: deletes what was captured of stories that match no campaign days after their expiry.

That is for the published marts to say: they do so of a story when they are as of a moment at which it was due, and have
taken in every row of it.
"""

import logging
from datetime import datetime, timedelta

import psycopg

from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.landing.purge import purge_dead_letters, purge_stories
from storykeep.landing.runs import Run, ledger
from storykeep.landing.storage import open_root
from storykeep.quality import watermarks
from storykeep.settings import Settings
from storykeep.transform import last_build
from storykeep.transform.publish import published_as_of
from storykeep.transform.turn import turn
from storykeep.warehouse import connect

log = logging.getLogger(__name__)

# Landing waits while a batch and its files are deleted.
BATCH = 50
STORY_LIFE = timedelta(hours=24)


def purge_unmatched(settings: Settings, now: datetime) -> dict[str, int]:
    """Purge the stories that `settings.keep` wants gone at `now`; returns how many stories, files and dead letters.

    Nothing happens under another policy. Waits for a build under way, and has the next one make every table anew. It is
    written down in the run ledger, and may run any number of times. Raises StorykeepError when the storage would not
    delete a file: its stories are purged at the next try.
    """
    after = settings.keep.purge_after
    if after is None:
        return {}
    run_id = f"purge-{now:%Y-%m-%dT%H:%M:%SZ}"
    with (
        turn(settings) as marts,
        connect(settings.warehouse, "storykeep_ingest") as conn,
        ledger(conn, "maintain", run_id, fixed_clock(now)) as run,
    ):
        run.counts.update({"stories purged": 0, "files deleted": 0})
        if doomed := _unmatched(marts, now, after):
            # Before the first row goes. Incremental builds do not see that rows are gone.
            last_build.forget(settings)
            _purge(conn, settings, doomed, run)
        run.counts["dead letters deleted"] += purge_dead_letters(conn, now - after - STORY_LIFE)
        log.info("%s: %s", run_id, dict(run.counts))
    return dict(run.counts)


def _unmatched(conn: psycopg.Connection, now: datetime, after: timedelta) -> list[str]:
    """The stories that are due, and of no campaign in the marts as they are published."""
    as_of = published_as_of(conn)
    if as_of is None:
        return []
    rows = conn.execute(
        """
        select story_id from app.story_clock as stories
        where
            expires_at <= %(due)s
            and not exists (
                select from marts.fct_campaign_content as content where content.story_id = stories.story_id
            )
            and not exists (
                select from raw.stories as versions
                where versions.story_id = stories.story_id
                and (versions.landing_id > %(taken_in)s or versions.captured_at > %(as_of)s)
            )
        order by story_id
        """,
        {"due": min(as_of, now) - after, "taken_in": watermarks.read(conn).get("stories", 0), "as_of": as_of},
    )
    return [story_id for (story_id,) in rows]


def _purge(conn: psycopg.Connection, settings: Settings, doomed: list[str], run: Run) -> None:
    root = open_root(settings.media_root)
    for start in range(0, len(doomed), BATCH):
        batch = doomed[start : start + BATCH]
        try:
            run.counts["files deleted"] += purge_stories(conn, root, batch, run.clock_at)
        except OSError as error:
            raise StorykeepError(
                f"a file cannot be deleted: {error.strerror or error}",
                where=settings.media_root,
                remedy="mend the storage; what is still to be purged is so at the next try",
            ) from None
        run.counts["stories purged"] += len(batch)
