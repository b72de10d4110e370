"""Which rows of the marts a brand's login sees: row policies on the standing tables, kept by every publication.

`storykeep_bi` sees all of them. A brand's login sees its brands, their campaigns, and what counts for these: of a
creator whom several brands pay, each sees the stories of its own campaigns. A mart without a rule here it does not see
at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from storykeep.transform.tables import compose

# Asked once for each statement, and as the owner of the marts: a brand's login may read neither app nor another's rows.
# A login is known by the name that it logged in with, whatever role it takes on.
FUNCTIONS = {
    "brands_seen": "select brand_id from app.brand_access where login = session_user and revoked_at is null",
    "campaigns_seen": """
        select campaign_id from marts.dim_campaigns where brand_id in (select intermediate.brands_seen())
    """,
    "stories_seen": """
        select story_id from marts.fct_campaign_content
        where campaign_id in (select intermediate.campaigns_seen()) and story_id is not null
    """,
    "posts_seen": """
        select post_id from marts.fct_campaign_content
        where campaign_id in (select intermediate.campaigns_seen()) and post_id is not null
    """,
    "accounts_seen": """
        select account_id from app.campaign_participants
        where campaign_id in (select intermediate.campaigns_seen())
        union
        select account_id from marts.fct_campaign_content
        where campaign_id in (select intermediate.campaigns_seen())
    """,
    "sequences_seen": """
        select sequence_id from marts.fct_stories where account_id in (select intermediate.accounts_seen())
        group by sequence_id having bool_and(story_id in (select intermediate.stories_seen()))
    """,
    "creators_seen": """
        select creator_id from marts.dim_accounts where account_id in (select intermediate.accounts_seen())
    """,
}
BY_BRAND = "brand_id in (select intermediate.brands_seen())"
BY_CAMPAIGN = "campaign_id in (select intermediate.campaigns_seen())"
BY_STORY = "story_id in (select intermediate.stories_seen())"
BY_SEQUENCE = "sequence_id in (select intermediate.sequences_seen())"
BY_POST = "post_id in (select intermediate.posts_seen())"
BY_ACCOUNT = "account_id in (select intermediate.accounts_seen())"
BY_CREATOR = "creator_id in (select intermediate.creators_seen())"


@dataclass(frozen=True)
class Rule:
    """The rows that a brand's login sees, and the columns that it does not: those that tell of other brands."""

    rows: str
    hidden: tuple[str, ...] = ()


RULES: Mapping[str, Rule | None] = {
    "dim_dates": Rule("true"),
    "dim_brands": Rule(BY_BRAND),
    "dim_campaigns": Rule(BY_CAMPAIGN),
    "dim_creators": Rule(BY_CREATOR),
    "dim_accounts": Rule(BY_ACCOUNT),
    "fct_campaign_content": Rule(BY_CAMPAIGN, hidden=("campaigns_matched",)),
    "fct_campaign_performance": Rule(BY_CAMPAIGN),
    "fct_campaign_daily": Rule(BY_CAMPAIGN),
    "fct_campaign_creators": Rule(BY_CAMPAIGN),
    "fct_campaign_blind_spots": Rule(BY_CAMPAIGN),
    "fct_stories": Rule(BY_STORY),
    "fct_story_readings": Rule(BY_STORY),
    "fct_metric_audit": Rule(BY_STORY),
    # A run of frames is seen when all of them are: its numbers tell of each.
    "fct_story_sequences": Rule(BY_SEQUENCE),
    "fct_posts": Rule(BY_POST),
    "fct_capture_coverage": Rule(BY_ACCOUNT),
    "fct_connection_health": Rule(BY_ACCOUNT),
    "fct_consents": Rule(BY_ACCOUNT),
    "fct_account_silences": Rule(BY_ACCOUNT),
    "fct_audience": Rule(BY_ACCOUNT),
    # Stories that do not count for the campaign: another brand's, or the creator's own affair.
    "fct_campaign_near_misses": None,
    "fct_campaign_exclusions": None,
    # An account's day is a sum over all that it posted: less one's own, it tells the others'.
    "fct_account_insights": None,
}


@dataclass(frozen=True)
class _Access:
    """What stands on a mart: the conditions by policy, and what storykeep_brand may read, null when all of it."""

    is_secured: bool
    policies: dict[str, str | None]
    is_all_readable: bool
    readable: list[str]
    columns: list[str]


def ensure(conn: psycopg.Connection) -> None:
    """Bring rights and row policies of every standing mart to the rules. Locks a mart only where they differ."""
    _ensure_functions(conn)
    for (name,) in conn.execute(
        "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind = 'r' order by relname"
    ).fetchall():
        _ensure_mart(conn, name, RULES.get(name))
    # A view asks with the rights of its owner, who sees all rows, unless it is told to ask with those of its reader.
    for (name,) in conn.execute(
        """
        select relname from pg_class
        where
            relnamespace = 'marts'::regnamespace and relkind = 'v' and pg_has_role(relowner, 'usage')
            and not coalesce(reloptions @> '{security_invoker=true}', false)
        """
    ).fetchall():
        conn.execute(compose("alter view marts.{view} set (security_invoker = true)", view=name))


def lift(conn: psycopg.Connection, mart: str) -> None:
    """Take the policies off a mart whose columns are about to change; until `ensure`, only its owner sees any row."""
    for policy in _standing(conn, mart).policies:
        conn.execute(compose("drop policy {policy} on marts.{mart}", policy=policy, mart=mart))


def _ensure_functions(conn: psycopg.Connection) -> None:
    present: dict[str, str] = dict(
        conn.execute("select proname, prosrc from pg_proc where pronamespace = 'intermediate'::regnamespace").fetchall()
    )
    if all(present.get(name) == body for name, body in FUNCTIONS.items()):
        return
    # They name marts that may not be there yet.
    conn.execute("set local check_function_bodies = off")
    for name, body in FUNCTIONS.items():
        function = sql.Identifier("intermediate", name)
        conn.execute(
            sql.SQL(
                "create or replace function {}() returns setof text language sql stable security definer"
                " set search_path = pg_catalog, pg_temp as {}"
            ).format(function, sql.Literal(body))
        )
        conn.execute(sql.SQL("revoke execute on function {}() from public").format(function))
        conn.execute(sql.SQL("grant execute on function {}() to storykeep_brand").format(function))


def _ensure_mart(conn: psycopg.Connection, mart: str, rule: Rule | None) -> None:
    standing = _standing(conn, mart)
    if not standing.is_secured:
        conn.execute(compose("alter table marts.{mart} enable row level security", mart=mart))
    wanted = {"storykeep_bi": "true"} | ({"storykeep_brand": rule.rows} if rule else {})
    if standing.policies != wanted:
        lift(conn, mart)
        for role, rows in wanted.items():
            _create_policy(conn, mart, role, rows)
    readable = [column for column in standing.columns if rule and column not in rule.hidden]
    is_all = readable == standing.columns
    if (standing.readable, standing.is_all_readable) != (readable, is_all):
        conn.execute(compose("revoke select on marts.{mart} from storykeep_brand", mart=mart))
        if is_all:
            conn.execute(compose("grant select on marts.{mart} to storykeep_brand", mart=mart))
        elif readable:
            granting = "grant select ({columns}) on marts.{mart} to storykeep_brand"
            conn.execute(compose(granting, columns=tuple(readable), mart=mart))


def _create_policy(conn: psycopg.Connection, mart: str, role: str, rows: str) -> None:
    """A policy is called like the role that it is for; its comment keeps the condition as it is written here."""
    names = {"role": sql.Identifier(role), "mart": sql.Identifier("marts", mart)}
    creating = sql.SQL("create policy {role} on {mart} for select to {role} using ({rows})")
    conn.execute(creating.format(**names, rows=sql.SQL(rows)))
    conn.execute(sql.SQL("comment on policy {role} on {mart} is {rows}").format(**names, rows=sql.Literal(rows)))


def _standing(conn: psycopg.Connection, mart: str) -> _Access:
    with conn.cursor(row_factory=class_row(_Access)) as cursor:
        (found,) = cursor.execute(
            """
            select
                relrowsecurity as is_secured,
                (
                    select coalesce(json_object_agg(polname, obj_description(pg_policy.oid, 'pg_policy')), '{}')
                    from pg_policy
                    where polrelid = pg_class.oid
                ) as policies,
                has_table_privilege('storykeep_brand', oid, 'select') as is_all_readable,
                coalesce(
                    array_agg(attname::text order by attnum)
                        filter (where has_column_privilege('storykeep_brand', oid, attnum, 'select')),
                    '{}'
                ) as readable,
                array_agg(attname::text order by attnum) as columns
            from pg_class
            join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped
            where relnamespace = 'marts'::regnamespace and relname = %s
            group by oid, relrowsecurity
            """,
            [mart],
        ).fetchall()
    return found
