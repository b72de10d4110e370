"""Four eyes: numbers that a person entered count once another person has approved them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row

from storykeep.errors import StorykeepError

Decision = Literal["approved", "rejected"]
SHORT = 12
MOST_TOLD = 100
_SEE = "see: storykeep entries list"


@dataclass(frozen=True)
class Numbers:
    """The numbers of an entry as they stand: its last version, and what was decided on that, if anything."""

    entry_id: str
    version: int
    kind: str
    username: str | None
    story: str
    metrics: dict[str, int]
    author: str
    entered_at: datetime
    run_id: str
    file_hash: str | None
    file: str | None
    evidence_path: str | None
    decision: Decision | None

    @property
    def entry(self) -> str:
        """The beginning of its id, by which people name it."""
        return self.entry_id[:SHORT]

    @property
    def values(self) -> str:
        """The numbers in one line."""
        return ", ".join(f"{name} {value:,}" for name, value in sorted(self.metrics.items()))


def waiting(conn: psycopg.Connection) -> list[Numbers]:
    """What waits for approval, in the order in which it was entered."""
    return [one for one in standing(conn) if one.decision is None]


def standing(conn: psycopg.Connection) -> list[Numbers]:
    """All numbers that were entered and not withdrawn, in the order in which they were."""
    with conn.cursor(row_factory=class_row(Numbers)) as cursor:
        return cursor.execute(
            """
            with latest as (
                select distinct on (entry_id) * from raw.manual_entries order by entry_id, version desc
            ),

            decided as (
                select distinct on (entry_id, version) entry_id, version, decision
                from app.entry_approvals order by entry_id, version, approval_id desc
            )

            select latest.entry_id, latest.version, latest.kind, username, decision,
                latest.payload -> 'metrics' as metrics, latest.author, latest.captured_at as entered_at,
                latest.run_id, latest.file_hash, entry_files.name as file, latest.evidence_path,
                coalesce(latest.story_id, latest.payload ->> 'permalink', latest.payload ->> 'posted_at') as story
            from latest
            left join app.accounts using (account_id)
            left join app.entry_files using (file_hash)
            left join decided on decided.entry_id = latest.entry_id and decided.version = latest.version
            where not is_withdrawn and latest.payload -> 'metrics' is not null
            order by latest.landing_id
            """
        ).fetchall()


def named(found: Sequence[Numbers], names: Sequence[str]) -> list[Numbers]:
    """Those that are meant by the beginnings of their ids. Raises StorykeepError where that is none, or several."""
    return [_one(found, name.lower()) for name in dict.fromkeys(names)]


def in_file(found: Sequence[Numbers], file: str) -> list[Numbers]:
    """Those of a file, by its name or its hash. Raises StorykeepError when there are none."""
    meant = [one for one in found if file in (one.file, one.file_hash)]
    if not meant:
        raise StorykeepError("nothing of this file waits for approval", where=file, remedy=_SEE)
    return meant


def of_run(found: Sequence[Numbers], run_id: str) -> list[Numbers]:
    """Those that a run of the DAG brought."""
    return [one for one in found if one.run_id.startswith(f"{run_id}/")]


def told(found: Sequence[Numbers]) -> str:
    """The numbers as a text in which nothing is markup: a line for each, up to MOST_TOLD."""
    lines = [
        f"{one.entry}  @{one.username}  {one.story}  {one.values}  by {one.author}, {one.file}, {one.evidence_path}"
        for one in found[:MOST_TOLD]
    ]
    if len(found) > MOST_TOLD:
        lines.append(f"and {len(found) - MOST_TOLD} more: storykeep entries list shows all")
    return "\n".join(f"    {line}" for line in lines)


def decide(
    conn: psycopg.Connection,
    meant: Sequence[Numbers],
    decision: Decision,
    by: str,
    now: datetime,
    *,
    note: str | None = None,
    entered_by: Collection[str] = (),
) -> int:
    """Write the decision down for each of these versions, and commit; returns for how many.

    A later decision replaces an earlier one; the same one again is none. Raises StorykeepError when one of them was
    entered by who approves, whom `entered_by` names as well as its author: then nothing is written down.
    """
    same = [one.entry for one in meant if _same(by, (one.author, *entered_by))]
    if decision == "approved" and same:
        raise StorykeepError(
            "whoever entered numbers may not approve them",
            where=f"approval of {', '.join(same[:5])}{' and more' if len(same) > 5 else ''} by {by}",
            remedy="let another person look at them and approve",
        )
    with conn.transaction():
        written = conn.execute(
            """
            insert into app.entry_approvals (entry_id, version, decided_at, decided_by, decision, note)
            select entry_id, version, %s, %s, %s, %s
            from unnest(%s::text [], %s::integer []) as meant (entry_id, version)
            where not exists (
                select from app.entry_approvals as decided
                where decided.entry_id = meant.entry_id and decided.version = meant.version
                    and decided.decision = %s
                    and not exists (
                        select from app.entry_approvals as later
                        where later.entry_id = decided.entry_id and later.version = decided.version
                            and later.approval_id > decided.approval_id
                    )
            )
            """,
            [now, by, decision, note, [one.entry_id for one in meant], [one.version for one in meant], decision],
        ).rowcount
    conn.commit()
    return written


def by_others(found: Sequence[Numbers], by: str) -> list[Numbers]:
    """Those that `by` may approve."""
    return [one for one in found if not _same(one.author, (by,))]


def find_entry(conn: psycopg.Connection, name: str) -> str:
    """The whole id of the entry with this beginning. Raises StorykeepError unless there is exactly one."""
    if not name.isalnum():
        raise StorykeepError("this is no id of an entry", where=name, remedy="digits and letters from a to f")
    rows = conn.execute(
        "select distinct entry_id from raw.manual_entries where starts_with(entry_id, %s) limit 2", [name.lower()]
    ).fetchall()
    if len(rows) != 1:
        raise StorykeepError(f"{'several entries begin' if rows else 'no entry begins'} like this", where=name)
    return str(rows[0][0])


def _one(found: Sequence[Numbers], name: str) -> Numbers:
    meant = [one for one in found if one.entry_id.startswith(name)]
    if len(meant) != 1 or not name:
        what = "numbers of several entries begin" if meant else "no entry with numbers begins"
        raise StorykeepError(f"{what} like this", where=name, remedy=_SEE)
    return meant[0]


def _same(person: str, people: Collection[str]) -> bool:
    first, *others = (" ".join(name.split()).casefold() for name in (person, *people))
    return first in others
