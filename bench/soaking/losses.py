"""What is missing of the truth, and whether the schedule accounts for it and the marts tell of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg

from soaking.checks import Check
from soaking.schedule import DAY, MINUTE, TICK, Schedule, Spell
from storykeep.causes import Cause
from storykeep.clock import parse_time
from storykeep.report.truth import kept_against_truth

FINAL = ("webhook", "sweep", "masked", "manual")
LAST_MINUTES = 10 * MINUTE
# A listing every quarter of an hour, so that trouble this long ago may still show in a gap of over an hour.
REACH = timedelta(hours=2)
LONG_GAP_MINUTES = 60
LEAST_SHARE = 0.999
# What the sandbox's truth says of a connection that was in trouble from the start.
PLIGHTS = {"token": Cause.TOKEN, "permission": Cause.PERMISSION}

Truth = Mapping[str, Any]


@dataclass(frozen=True)
class Story:
    """A story as it truly was; `plight` is why the API would not have served its end in any case."""

    story_id: str
    ig_user_id: str
    posted_at: datetime
    expires_at: datetime
    plight: str | None


class Losses:
    """Holds the marts as of `end` against the truth and the schedule."""

    def __init__(self, conn: psycopg.Connection, truth: Sequence[Truth], schedule: Schedule, end: datetime) -> None:
        self._conn = conn
        self._truth = [row for row in truth if row["cause"] != "not_tracked"]
        self._end = end
        self._out = [spell for spell in schedule.spells if spell.ig_user_id is None and spell.causes]
        self._own: dict[str, list[Spell]] = defaultdict(list)
        for spell in schedule.spells:
            if spell.ig_user_id is not None:
                self._own[spell.ig_user_id].append(spell)
        self._plights: dict[str, set[Cause]] = defaultdict(set)
        for row in self._truth:
            if row["cause"] in PLIGHTS:
                self._plights[row["ig_user_id"]].add(PLIGHTS[row["cause"]])
        self._stories = [_story(row) for row in self._truth if parse_time(row["expires_at"]) <= end]
        rows = conn.execute("select story_id, finality, loss_cause from marts.fct_stories").fetchall()
        self._finality = {story_id: finality for story_id, finality, _ in rows}
        self._causes = {story_id: cause for story_id, _, cause in rows}
        self._kills = schedule.kills
        self._gaps = _gaps(conn)
        self._unseen_times = _unseen_times(conn)

    def checks(self) -> list[Check]:
        """One for each promise about what may be lost, and how it is told."""
        served = [story for story in self._stories if not self._hindered(story, story.expires_at - LAST_MINUTES)]
        lost = [
            story
            for story in self._stories
            if self._finality.get(story.story_id, "not there") not in (*FINAL, "not there")
        ]
        return [
            Check("stories that nothing hindered have their last reading", len(served), self._named(served, FINAL)),
            Check("stories that are not there were hindered all their life", len(self._stories), self._unseen()),
            Check("the coverage tells when these can have been missed", len(self._stories), self._unadmitted()),
            Check("stories without a last reading tell a cause that was there", len(lost), tuple(self._untold(lost))),
            Check("gaps of over an hour tell a cause that was there", len(self._gaps), tuple(self._wrong_causes())),
            Check("our outage is a gap of every account", *self._outage()),
            Check("views of these stories are kept to 99.9 %", len(served), self._views(served)),
        ]

    def figures(self) -> dict[str, float]:
        """How much was kept of all stories, and how many ended how."""
        kept = kept_against_truth(self._conn, self._truth, self._end)
        found: dict[str, float] = {"stories": len(self._stories), "views kept, %": 100 * (kept.share or 0)}
        for story in self._stories:
            finality = self._finality.get(story.story_id, "not seen")
            found[finality] = found.get(finality, 0) + 1
        return found

    def _hindered(self, story: Story, since: datetime) -> list[Spell | str]:
        """What kept the story from being read at some time from `since` to its end."""
        spells = [*self._out, *self._own[story.ig_user_id]]
        plight = [story.plight] if story.plight in PLIGHTS else []
        return [*plight, *(spell for spell in spells if spell.touches(since, story.expires_at))]

    def _named(self, stories: Iterable[Story], expected: Sequence[str]) -> tuple[str, ...]:
        """Those whose finality is another one."""
        found = [(story, self._finality.get(story.story_id, "not there")) for story in stories]
        return tuple(
            f"{story.story_id} of {story.ig_user_id}, ended {story.expires_at:%d %b %H:%M}: {finality}"
            for story, finality in found
            if finality not in expected
        )

    def _unseen(self) -> tuple[str, ...]:
        """The stories that are not in the marts although they could be listed at some time of their life."""
        missing = [story for story in self._stories if story.story_id not in self._finality]
        return self._named((story for story in missing if not self._is_hidden(story)), ())

    def _is_hidden(self, story: Story) -> bool:
        """Whether trouble, and the time to the next listing after it, cover the whole life of a story."""
        if story.plight in PLIGHTS:
            return True
        reached = story.posted_at
        for spell in sorted([*self._out, *self._own[story.ig_user_id]], key=lambda spell: spell.since):
            if spell.touches(reached - 3 * LAST_MINUTES, reached + 3 * LAST_MINUTES):
                reached = max(reached, spell.until or story.expires_at)
        return reached >= story.expires_at - 3 * LAST_MINUTES

    def _unadmitted(self) -> tuple[str, ...]:
        """The stories that are not in the marts, and by the coverage cannot have been missed."""
        missing = [story for story in self._stories if story.story_id not in self._finality]
        return self._named((story for story in missing if not self._is_admitted(story)), ())

    def _is_admitted(self, story: Story) -> bool:
        return any(since <= story.posted_at <= until for since, until in self._unseen_times[story.ig_user_id])

    def _untold(self, lost: Iterable[Story]) -> Iterable[str]:
        """The stories whose cause is none of what was there in their last minutes."""
        for story in lost:
            cause = self._causes.get(story.story_id)
            if cause not in self._possible_of(story):
                yield f"{story.story_id} of {story.ig_user_id}, ended {story.expires_at:%d %b %H:%M}: {cause}"

    def _possible_of(self, story: Story) -> set[Cause]:
        """The causes that a loss may have; a process that was killed is an outage of ours."""
        near = self._hindered(story, story.expires_at - LAST_MINUTES - REACH)
        killed = any(story.expires_at - LAST_MINUTES - TICK < at < story.expires_at for at in self._kills)
        causes = {Cause.OUR_OUTAGE} if killed else set()
        return causes.union(*(spell.causes if isinstance(spell, Spell) else {PLIGHTS[spell]} for spell in near))

    def _wrong_causes(self) -> Iterable[str]:
        for (ig_user_id, day), (minutes, cause) in sorted(self._gaps.items()):
            if minutes > LONG_GAP_MINUTES and cause not in self._possible(ig_user_id, day, minutes):
                yield f"{ig_user_id} on {day:%d %b}: {minutes:.0f} min, {cause}"

    def _possible(self, ig_user_id: str, day: date, minutes: float) -> set[Cause]:
        """The causes that a gap of a day may have."""
        midnight = datetime.combine(day, datetime.min.time(), self._end.tzinfo)
        long = timedelta(minutes=float(minutes)) + REACH
        spells = [*self._out, *self._own.get(ig_user_id, ())]
        near = [spell.causes for spell in spells if spell.touches(midnight - long, midnight + DAY + long)]
        return self._plights.get(ig_user_id, set()).union(*near)

    def _outage(self) -> tuple[int, tuple[str, ...]]:
        """The accounts that nothing else befell, and those of them whose coverage does not show our outage."""
        [outage] = [spell for spell in self._out if spell.kind == "our outage"]
        until = outage.until or self._end
        alone = sorted(
            {
                story.ig_user_id
                for story in self._stories
                if story.ig_user_id not in self._plights
                and not any(spell.touches(outage.since - DAY, until + DAY) for spell in self._own[story.ig_user_id])
            }
        )
        longest = (until - outage.since) / MINUTE
        wrong = [
            ig_user_id
            for ig_user_id in alone
            if not any(
                minutes >= longest and cause == Cause.OUR_OUTAGE
                for day in _days(outage.since, until)
                for minutes, cause in [self._gaps.get((ig_user_id, day), (0, None))]
            )
        ]
        return len(alone), tuple(wrong)

    def _views(self, served: Iterable[Story]) -> tuple[str, ...]:
        whose = {story.story_id for story in served}
        kept = kept_against_truth(self._conn, [row for row in self._truth if row["story_id"] in whose], self._end)
        too_many = tuple(f"{story.story_id}: more views than there were" for story in kept.above_truth)
        return too_many if (kept.share or 0) >= LEAST_SHARE else (*too_many, f"kept {kept.share or 0:.4%}")


def _story(row: Truth) -> Story:
    posted_at, expires_at = parse_time(row["posted_at"]), parse_time(row["expires_at"])
    return Story(row["story_id"], row["ig_user_id"], posted_at, expires_at, row["cause"])


def _gaps(conn: psycopg.Connection) -> dict[tuple[str, date], tuple[float, str | None]]:
    """The longest gap of each account and day, in minutes, with its cause."""
    rows = conn.execute(
        """
        select ig_user_id, date, longest_gap_minutes, gap_cause
        from marts.fct_capture_coverage
        join marts.dim_accounts using (account_id)
        """
    )
    return {(ig_user_id, day): (float(minutes), cause) for ig_user_id, day, minutes, cause in rows}


def _unseen_times(conn: psycopg.Connection) -> Mapping[str, list[tuple[datetime, datetime]]]:
    """When each account can have posted what was never listed: before it was known, and by the coverage."""
    found: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for ig_user_id, since, until in conn.execute(
        """
        select ig_user_id, unseen_from, unseen_to
        from marts.fct_capture_coverage
        join marts.dim_accounts using (account_id)
        where not is_complete and unseen_from is not null
        union all
        select ig_user_id, '0001-01-01', added_at from app.accounts
        """
    ):
        found[ig_user_id].append((since, until))
    return found


def _days(since: datetime, until: datetime) -> list[date]:
    return [since.date() + timedelta(days=day) for day in range((until.date() - since.date()).days + 1)]
