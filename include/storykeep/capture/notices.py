"""Tells once of each sign that Meta's replies have changed."""

import logging
from collections.abc import Mapping

from storykeep.capture.asks import key_of
from storykeep.capture.tick import Tick
from storykeep.graph.client import Answer

log = logging.getLogger(__name__)


def keep_refused(tick: Tick, what: str = "story") -> None:
    """Keep which metrics the API refused of every story, or `what` else was read, in this tick."""
    refused = tick.metrics.refused_of_all()
    keep(tick, {f"insights: {name} is refused of every {what}": answer for name, answer in refused.items()})


def keep(tick: Tick, signs: Mapping[str, Answer]) -> None:
    """Keep the signs that were never seen before, each with the answer that shows it, and say so."""
    if not signs:
        return
    names = sorted(signs)
    kept = tick.conn.execute(
        """
        insert into app.schema_notices (what, first_seen_at, api_version, account_id, run_id)
        select new.what, %s, new.api_version, new.account_id, %s
        from unnest(%s::text [], %s::text [], %s::text []) as new (what, api_version, account_id)
        on conflict (what) do nothing
        returning what
        """,
        [
            tick.clock(),
            tick.run.run_id,
            names,
            [signs[name].api_version for name in names],
            [key_of(signs[name].ask).account_id for name in names],
        ],
    ).fetchall()
    for (what,) in kept:
        version = signs[what].api_version or "an unknown version"
        handle = tick.connections[key_of(signs[what].ask).account_id].username
        log.warning("the API (%s) has changed: %s, first seen at @%s", version, what, handle)
    if kept:
        tick.run.counts["schema_notices"] += len(kept)
