"""What could be seen of each account, and which accounts need a person."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import psycopg
from psycopg.rows import class_row
from rich.console import Console

from storykeep.report.figures import NONE, UNKNOWN, counted, duration
from storykeep.report.screen import label, number, show, words

DAYS = 14
MOST_ROWS = 20
STORY_LIFE = timedelta(hours=24)


@dataclass(frozen=True)
class AccountCoverage:
    """What was seen of one account in the window; `gap_causes` are those of its gaps of more than an hour.

    `seen_within` is the time from its posting in which a story was first seen, in 95 of 100 cases; None without any.
    """

    username: str
    listings_due: int
    listings_done: int
    listings_failed: int
    longest_gap: timedelta
    stories_seen: int
    seen_within: timedelta | None
    gap_causes: list[str]


@dataclass(frozen=True)
class Unseen:
    """A stretch of time in which an account can have posted a story that ended before it was ever listed."""

    username: str
    since: datetime
    until: datetime
    cause: str


@dataclass(frozen=True)
class Coverage:
    """The coverage from `first_day` to `last_day` (UTC), worst gap first, and the stretches `unseen`, newest first.

    Accounts that were not tracked on any of the days are in neither.
    """

    first_day: date | None
    last_day: date | None
    accounts: tuple[AccountCoverage, ...]
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True)
class Attention:
    """An account that somebody has to do something about."""

    username: str
    status: str
    reason: str | None
    days_left: Decimal | None
    owner: str | None
    next_step: str | None


def coverage(conn: psycopg.Connection, campaign_id: str | None) -> Coverage:
    """The last days of coverage, of all accounts or of those with stories in a campaign."""
    first_day, last_day = conn.execute(
        "select max(date) - %s, max(date) from fct_capture_coverage", [DAYS - 1]
    ).fetchone() or (None, None)
    with conn.cursor(row_factory=class_row(AccountCoverage)) as cursor:
        accounts = cursor.execute(
            f"""
            select
                accounts.username,
                sum(days.listings_due) as listings_due,
                sum(days.listings_done) as listings_done,
                sum(days.listings_failed) as listings_failed,
                max(days.longest_gap_minutes) * interval '1 minute' as longest_gap,
                sum(days.stories_seen) as stories_seen,
                (
                    select percentile_cont(0.95) within group (order by detection_minutes) * interval '1 minute'
                    from fct_stories as stories
                    where stories.account_id = accounts.account_id and stories.posted_at >= {_FIRST_MOMENT}
                ) as seen_within,
                coalesce(
                    array_agg(distinct days.gap_cause order by days.gap_cause)
                        filter (where days.gap_cause is not null),
                    '{{}}'
                ) as gap_causes
            from fct_capture_coverage as days
            join dim_accounts as accounts using (account_id)
            where days.date >= %(first_day)s and {_OF_CAMPAIGN}
            group by accounts.account_id, accounts.username
            having not bool_and(days.gap_cause is not distinct from 'not_tracked')
            order by longest_gap desc, accounts.username
            """,  # noqa: S608 (the parts put in are constants of this file)
            {"first_day": first_day, "campaign": campaign_id},
        ).fetchall()
    return Coverage(first_day, last_day, tuple(accounts), _unseen(conn, campaign_id, first_day))


def _unseen(conn: psycopg.Connection, campaign_id: str | None, first_day: date | None) -> tuple[Unseen, ...]:
    """Every stretch as a whole, however many days it has; the marts tell it day by day."""
    with conn.cursor(row_factory=class_row(Unseen)) as cursor:
        return tuple(
            cursor.execute(
                f"""
                with days as (
                    select
                        *,
                        unseen_from is not distinct from lag(unseen_to) over by_day
                        and gap_cause = lag(gap_cause) over by_day as goes_on
                    from fct_capture_coverage
                    where unseen_from is not null and gap_cause <> 'not_tracked'
                    window by_day as (partition by account_id order by date)
                ),
                parts as (
                    select *, count(*) filter (where goes_on is not true) over by_day as stretch
                    from days
                    window by_day as (partition by account_id order by date)
                )
                select username, min(unseen_from) as since, max(unseen_to) as until, gap_cause as cause
                from parts
                join dim_accounts as accounts using (account_id)
                where {_OF_CAMPAIGN}
                group by account_id, username, gap_cause, stretch
                having max(unseen_to) > {_FIRST_MOMENT}
                order by since desc, username
                """,  # noqa: S608 (the parts put in are constants of this file)
                {"first_day": first_day, "campaign": campaign_id},
            )
        )


def attention(conn: psycopg.Connection, campaign_id: str | None) -> tuple[Attention, ...]:
    """The accounts that are not simply connected, those that are not tracked last."""
    with conn.cursor(row_factory=class_row(Attention)) as cursor:
        return tuple(
            cursor.execute(
                f"""
                select
                    username,
                    status,
                    reason,
                    case reason
                        when 'token_expiring' then token_days_left
                        when 'data_access_ending' then data_access_days_left
                    end as days_left,
                    owner,
                    next_step
                from dim_accounts as accounts
                where status not in ('connected', 'disconnected', 'purged') and {_OF_CAMPAIGN}
                order by status = 'not_tracked', status, username
                """,  # noqa: S608 (the part put in is a constant of this file)
                {"campaign": campaign_id},
            )
        )


_FIRST_MOMENT = "%(first_day)s::date::timestamp at time zone 'UTC'"
_OF_CAMPAIGN = """(
    %(campaign)s::text is null
    or accounts.account_id in (
        select stories.account_id
        from fct_campaign_content as content
        join fct_stories as stories using (story_id)
        where content.campaign_id = %(campaign)s
    )
)"""


def show_coverage(console: Console, found: Coverage) -> None:
    """Print the accounts with the worst gaps; the others in one line."""
    shown, rest = found.accounts[:MOST_ROWS], found.accounts[MOST_ROWS:]
    more = [f"{counted(len(rest), 'more account')}: gaps of {duration(rest[0].longest_gap)} or less."] if rest else []
    show(
        console,
        f"Coverage, {found.first_day} to {found.last_day} (UTC)" if shown else "Coverage",
        [
            words("Account"),
            number("Listings"),
            number("Due"),
            number("Failed"),
            number("Longest gap"),
            number("Stories"),
            number("Seen in"),
            words("Cause of gaps"),
        ],
        [_cells(account) for account in shown],
        *(_NOTES if shown else ["None yet. -> run: storykeep tick, then storykeep build"]),
        *more,
    )
    if found.unseen:
        _show_unseen(console, found.unseen)


_NOTES = (
    "Gap: between two good listings. From 24 h on (!) a story can have gone unseen.",
    "Seen in: of 100 stories 95 were first listed within that time of being posted.",
)


def _show_unseen(console: Console, stretches: tuple[Unseen, ...]) -> None:
    shown, rest = stretches[:MOST_ROWS], stretches[MOST_ROWS:]
    show(
        console,
        "When a story can have been posted and have ended unseen (UTC)",
        [words("Account"), label("From"), label("To"), number("Length"), words("Cause")],
        [
            (
                f"@{one.username}",
                f"{one.since:%m-%d %H:%M}",
                f"{one.until:%m-%d %H:%M}",
                duration(one.until - one.since),
                one.cause,
            )
            for one in shown
        ],
        "Ask the creator what was posted then: the API shows it no more.",
        *([f"{counted(len(rest), 'earlier stretch', 'earlier stretches')} in fct_capture_coverage."] if rest else []),
    )


def _cells(account: AccountCoverage) -> tuple[object, ...]:
    return (
        f"@{account.username}",
        f"{account.listings_done:,}",
        f"{account.listings_due:,}",
        f"{account.listings_failed:,}",
        duration(account.longest_gap) + (" !" if account.longest_gap >= STORY_LIFE else ""),
        f"{account.stories_seen:,}",
        NONE if account.seen_within is None else duration(account.seen_within),
        ", ".join(account.gap_causes) or NONE,
    )


def show_attention(console: Console, accounts: tuple[Attention, ...]) -> None:
    """Print the accounts that need somebody, with what to do."""
    shown, rest = accounts[:MOST_ROWS], accounts[MOST_ROWS:]
    untracked = sum(account.status == "not_tracked" for account in accounts)
    more = [f"{counted(len(rest), 'more account')} of this kind: storykeep accounts list"] if rest else []
    if untracked:
        more.append(f"{counted(untracked, 'account')} not tracked: what they post is {UNKNOWN}, not 0.")
    show(
        console,
        "Accounts that need somebody",
        [words("Account"), label("Status and reason"), label("Who"), words("Next step")],
        [
            (f"@{account.username}", _standing(account), account.owner or UNKNOWN, account.next_step or UNKNOWN)
            for account in shown
        ],
        "Until that is done, stories of the account or their numbers may be lost." if shown else "None.",
        *more,
    )


def _standing(account: Attention) -> str:
    lines = [account.status, account.reason or ""]
    if account.days_left is not None:
        lines.append(f"{account.days_left.normalize():f} days left")
    return "\n".join(filter(None, lines))
