"""The report that `storykeep report` prints: read from the marts first, put on the screen then.

Its queries name no schema, so that they read the published marts, or those of an earlier moment that were built again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from rich.console import Console

from storykeep.errors import StorykeepError
from storykeep.report.blind_spots import BlindSpot, blind_spots, show_blind_spots
from storykeep.report.content import (
    CreatorContent,
    StoryContent,
    campaign_creators,
    campaign_stories,
    show_creators,
    show_stories,
)
from storykeep.report.coverage import Attention, Coverage, attention, coverage, show_attention, show_coverage
from storykeep.report.finality import FinalityClass, Loss, finality_classes, losses, show_finality
from storykeep.report.makeup import show_makeup
from storykeep.report.performance import Performance, campaign_named, performances, show_performance
from storykeep.report.silences import Silence, show_silences, silences

PUBLISHED = "marts"


@dataclass(frozen=True)
class Report:
    """What the marts say, of everything or of one campaign; only then has it `creators` and `stories`.

    `attention` is None where the marts are not today's: how an account stands is known of today alone.
    """

    campaigns: tuple[Performance, ...]
    finality: tuple[FinalityClass, ...]
    coverage: Coverage
    attention: tuple[Attention, ...] | None
    creators: tuple[CreatorContent, ...] = ()
    stories: tuple[StoryContent, ...] = ()
    losses: tuple[Loss, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()
    silences: tuple[Silence, ...] = ()


def gather(conn: psycopg.Connection, campaign: str | None = None, schema: str = PUBLISHED) -> Report:
    """Read the report as one consistent picture; `campaign` is an id or a name. Needs to read `schema` only.

    Raises StorykeepError when the marts are not built yet or there is no such campaign.
    """
    with built_marts(conn, schema):
        campaign_id = campaign_named(conn, campaign) if campaign else None
        return Report(
            campaigns=performances(conn, campaign_id),
            finality=finality_classes(conn, campaign_id),
            coverage=coverage(conn, campaign_id),
            attention=attention(conn, campaign_id) if schema == PUBLISHED else None,
            creators=campaign_creators(conn, campaign_id) if campaign_id else (),
            stories=campaign_stories(conn, campaign_id) if campaign_id else (),
            losses=losses(conn, campaign_id),
            blind_spots=blind_spots(conn, campaign_id),
            silences=silences(conn),
        )


@contextmanager
def built_marts(conn: psycopg.Connection, schema: str = PUBLISHED) -> Iterator[None]:
    """A transaction that reads the marts of a schema, in which a build that is published meanwhile does not show.

    Raises StorykeepError when the marts, or columns of them, are not there.
    """
    level, conn.isolation_level = conn.isolation_level, psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with conn.transaction():
            conn.execute(sql.SQL("set local search_path = {}").format(sql.Identifier(schema)))
            yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedColumn) as error:
        raise StorykeepError(
            "the marts are not built yet, or by an older version",
            where=str(error).splitlines()[0],
            remedy="run: storykeep build",
        ) from None
    finally:
        conn.isolation_level = level


def render(report: Report, console: Console) -> None:
    """Print the report."""
    show_performance(console, report.campaigns)
    show_makeup(console, report.campaigns)
    if report.creators:
        show_creators(console, report.creators)
        show_stories(console, report.stories)
    show_finality(console, report.finality, report.losses)
    show_blind_spots(console, report.blind_spots, in_full=len(report.campaigns) == 1)
    show_coverage(console, report.coverage)
    if report.attention is not None:
        show_attention(console, report.attention)
    show_silences(console, report.silences)
