"""Row policies: a brand's login sees what is of its own campaigns, whatever is granted to whom and however often."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from tests.contracts import contracts, make_marts
from tests.dbt.world import at, insert
from tests.integration.access.conftest import LogIn

from storykeep.settings import Settings
from storykeep.transform import policies
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

LOGINS = ("ida", "tom", "uma")
BRANDS = ("b0", "b1", "b2")
CAMPAIGNS = {"k0": "b0", "k1": "b0", "k2": "b1", "k3": "b2"}
# Two creators, the first with two accounts.
ACCOUNTS = {"a0": "c0", "a1": "c0", "a2": "c1"}
STORIES = {"s0": "a0", "s1": "a0", "s2": "a1", "s3": "a2", "s4": "a2"}
POSTS = {"p0": "a0", "p1": "a2"}
SEQUENCES = {"q0": {"s0", "s1"}, "q1": {"s2"}, "q2": {"s3", "s4"}}
CLOSED = {"fct_campaign_near_misses", "fct_campaign_exclusions", "fct_account_insights"}


@dataclass(frozen=True)
class World:
    """Who takes part in which campaign, which story or post counts for which, and who was granted which brand."""

    rosters: frozenset[tuple[str, str]]
    content: frozenset[tuple[str, str]]
    grants: frozenset[tuple[str, str]]

    def brands(self, login: str) -> set[str]:
        return {brand for granted, brand in self.grants if granted == login}

    def campaigns(self, login: str) -> set[str]:
        return {campaign for campaign, brand in CAMPAIGNS.items() if brand in self.brands(login)}

    def counted(self, login: str) -> set[str]:
        return {one for campaign, one in self.content if campaign in self.campaigns(login)}

    def accounts(self, login: str) -> set[str]:
        of_rosters = {account for campaign, account in self.rosters if campaign in self.campaigns(login)}
        return of_rosters | {(STORIES | POSTS)[one] for one in self.counted(login)}

    def sees(self, login: str, row: dict[str, Any]) -> bool:
        """Whether a row is this login's, by the narrowest thing that it is about."""
        if "campaign_id" in row:
            return row["campaign_id"] in self.campaigns(login)
        if "story_id" in row or "post_id" in row:
            return (row.get("story_id") or row["post_id"]) in self.counted(login)
        if "sequence_id" in row:
            return SEQUENCES[row["sequence_id"]] <= self.counted(login)
        if "account_id" in row:
            return row["account_id"] in self.accounts(login)
        if "creator_id" in row:
            return row["creator_id"] in {ACCOUNTS[account] for account in self.accounts(login)}
        return "brand_id" not in row or row["brand_id"] in self.brands(login)


def some(pairs: list[tuple[str, str]]) -> st.SearchStrategy[frozenset[tuple[str, str]]]:
    return st.frozensets(st.sampled_from(pairs))


worlds = st.builds(
    World,
    rosters=some([(campaign, account) for campaign in CAMPAIGNS for account in ACCOUNTS]),
    content=some([(campaign, one) for campaign in CAMPAIGNS for one in STORIES | POSTS]),
    grants=some([(login, brand) for login in LOGINS for brand in BRANDS]),
)


def rows_of(mart: str, columns: set[str], world: World) -> list[dict[str, Any]]:
    """A row of a mart for each thing that it is about."""
    if mart == "fct_campaign_content":
        return [
            {"campaign_id": campaign, "content_id": one, "account_id": (STORIES | POSTS)[one]}
            | ({"story_id": one} if one in STORIES else {"post_id": one})
            for campaign, one in world.content
        ]
    if mart == "fct_stories":
        of = {story: sequence for sequence, stories in SEQUENCES.items() for story in stories}
        return [{"story_id": story, "account_id": by, "sequence_id": of[story]} for story, by in STORIES.items()]
    if mart == "dim_accounts":
        return [{"account_id": account, "creator_id": creator} for account, creator in ACCOUNTS.items()]
    if mart == "dim_campaigns":
        return [{"campaign_id": campaign, "brand_id": brand} for campaign, brand in CAMPAIGNS.items()]
    things = {
        "campaign_id": CAMPAIGNS,
        "story_id": STORIES,
        "post_id": POSTS,
        "sequence_id": SEQUENCES,
        "account_id": ACCOUNTS,
        "creator_id": set(ACCOUNTS.values()),
        "brand_id": BRANDS,
    }
    return next(([{key: one} for one in ids] for key, ids in things.items() if key in columns), [{}])


@pytest.fixture
def owner(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """Everybody that there is, and the marts, empty and with their policies."""
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        conn.autocommit = True
        for brand in BRANDS:
            insert(conn, "app.brands", brand_id=brand, name=brand, time_zone="UTC", currency="EUR")
        for campaign, brand in CAMPAIGNS.items():
            moments = {"starts_at": at(1, 0), "ends_at": at(20, 0)}
            insert(
                conn, "app.campaigns", campaign_id=campaign, brand_id=brand, name=campaign, currency="EUR", **moments
            )
        for creator in set(ACCOUNTS.values()):
            insert(conn, "app.creators", creator_id=creator, name=creator)
        for account, creator in ACCOUNTS.items():
            names = {"ig_user_id": f"1784{account[1:]}", "username": account}
            insert(conn, "app.accounts", account_id=account, creator_id=creator, added_at=at(1, 0), **names)
        yield conn


@pytest.fixture
def transform(warehouse: Settings) -> Iterator[psycopg.Connection]:
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        make_marts(conn)
        policies.ensure(conn)
        conn.commit()
        yield conn


def fill(owner: psycopg.Connection, transform: psycopg.Connection, world: World) -> dict[str, list[dict[str, Any]]]:
    """Bring the warehouse to this world; returns the rows of each mart."""
    owner.execute("delete from app.campaign_participants")
    owner.execute("delete from app.brand_access")
    for campaign, account in world.rosters:
        moments = {"valid_from": at(1, 0), "valid_to": at(20, 0)}
        insert(owner, "app.campaign_participants", campaign_id=campaign, account_id=account, **moments)
    for login, brand in world.grants:
        insert(owner, "app.brand_access", login=login, brand_id=brand, granted_at=at(1, 0), granted_by="test")
    filled = {mart: rows_of(mart, set(contract), world) for mart, contract in contracts().items()}
    for mart, rows in filled.items():
        # The others have the same rows in every world.
        if mart == "fct_campaign_content" or not transform.execute(_all_of(mart)).rowcount:
            transform.execute(sql.SQL("delete from marts.{}").format(sql.Identifier(mart)))
            for row in rows:
                _insert(transform, mart, row)
    transform.commit()
    return filled


def _all_of(mart: str) -> sql.Composed:
    return sql.SQL("select from marts.{}").format(sql.Identifier(mart))


def _insert(conn: psycopg.Connection, mart: str, row: dict[str, Any]) -> None:
    """Insert a row, its required columns filled where they are not given."""
    required = {
        name: column["data_type"]
        for name, column in contracts()[mart].items()
        if {"type": "not_null"} in column.get("constraints", []) and name not in row
    }
    fillers = {"boolean": "false", "text": "''", "date": "'2026-11-20'", "timestamp with time zone": "'2026-11-20'"}
    values = [sql.Literal(value) for value in row.values()]
    values += [sql.SQL(fillers.get(kind, "0")) for kind in required.values()]  # type: ignore[arg-type]
    conn.execute(
        sql.SQL("insert into marts.{} ({}) values ({})").format(
            sql.Identifier(mart),
            sql.SQL(", ").join(map(sql.Identifier, [*row, *required])),
            sql.SQL(", ").join(values),
        )
    )


def seen(conn: psycopg.Connection, mart: str, columns: list[str]) -> list[tuple[Any, ...]]:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    rows = conn.execute(sql.SQL("select {} from marts.{}").format(names, sql.Identifier(mart))).fetchall()
    return sorted(rows, key=str)


def test_whatever_is_granted_a_brand_sees_its_own_rows_all_of_them_and_no_other(
    owner: psycopg.Connection, transform: psycopg.Connection, log_in: LogIn, bi: psycopg.Connection
) -> None:
    conns = {login: log_in(login, *BRANDS) for login in LOGINS}

    @given(world=worlds)
    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    def holds(world: World) -> None:
        for mart, rows in fill(owner, transform, world).items():
            if not rows:
                continue
            columns = sorted({column for row in rows for column in row}) or list(contracts()[mart])[:1]
            everything = seen(transform, mart, columns)
            assert seen(bi, mart, columns) == everything, mart
            for login, conn in conns.items():
                if mart in CLOSED:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        seen(conn, mart, columns)
                    continue
                own = [tuple(row.get(column) for column in columns) for row in rows if world.sees(login, row)]
                assert seen(conn, mart, columns) == (sorted(own, key=str) if rows[0] else everything), (mart, login)
        transform.rollback()

    holds()


def test_a_story_of_two_brands_is_seen_by_each_through_its_own_campaign(
    owner: psycopg.Connection, transform: psycopg.Connection, log_in: LogIn
) -> None:
    grants = frozenset({("ida", "b0"), ("tom", "b1")})
    fill(owner, transform, World(frozenset(), frozenset({("k0", "s0"), ("k2", "s0"), ("k2", "s1")}), grants))
    ida, tom = log_in("ida", "b0"), log_in("tom", "b1")
    assert seen(ida, "fct_stories", ["story_id"]) == [("s0",)]
    assert seen(tom, "fct_stories", ["story_id"]) == [("s0",), ("s1",)]
    assert seen(ida, "fct_campaign_content", ["campaign_id"]) == [("k0",)]
    owner.execute("update app.brand_access set revoked_at = now() where login = 'ida'")
    assert seen(ida, "fct_stories", ["story_id"]) == []


def test_neither_roles_nor_settings_nor_statistics_lead_around_a_policy(
    owner: psycopg.Connection, transform: psycopg.Connection, log_in: LogIn
) -> None:
    content = frozenset(("k2", story) for story in STORIES)
    fill(owner, transform, World(frozenset(), content, frozenset({("ida", "b0")})))
    transform.execute("analyze")
    transform.commit()
    ida = log_in("ida", "b0")
    ida.execute("set role storykeep_brand")
    assert seen(ida, "fct_stories", ["story_id"]) == []
    ida.execute("reset role")
    for role in ("storykeep_bi", "storykeep_transform", "storykeep_owner", "storykeep_ingest"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ida.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ida.execute("set session authorization storykeep_bi")
    assert ida.execute("select from pg_stats where schemaname = 'marts' and tablename <> 'dim_dates'").rowcount == 0
    # A condition that tells what it is asked about is asked of one's own rows only.
    with pytest.raises(psycopg.errors.InvalidTextRepresentation, match='"s'):
        transform.execute("select from marts.fct_stories where story_id::integer = 1")
    transform.rollback()
    assert ida.execute("select from marts.fct_stories where story_id::integer = 1").rowcount == 0
    for function in policies.FUNCTIONS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for schema intermediate"):
            ida.execute(f"select intermediate.{function}()")
    ida.execute("set row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security policy"):
        seen(ida, "fct_stories", ["story_id"])


def test_a_view_asks_with_the_rights_of_its_reader(
    owner: psycopg.Connection, transform: psycopg.Connection, log_in: LogIn
) -> None:
    fill(owner, transform, World(frozenset(), frozenset({("k0", "s0"), ("k2", "s1")}), frozenset({("ida", "b0")})))
    transform.execute("create view marts.best as select * from marts.fct_stories")
    transform.execute("grant select on marts.best to storykeep_brand")
    transform.commit()
    ida = log_in("ida", "b0")
    assert len(seen(ida, "best", ["story_id"])) == len(STORIES)  # which is why
    policies.ensure(transform)
    transform.commit()
    assert seen(ida, "best", ["story_id"]) == [("s0",)]


def test_a_mart_without_a_rule_is_closed_to_brands_and_open_to_bi(
    owner: psycopg.Connection, transform: psycopg.Connection, log_in: LogIn, bi: psycopg.Connection
) -> None:
    transform.execute("create table marts.fct_new as select 's0' as story_id")
    # Even where somebody grants it, there is no policy that shows a row.
    policies.ensure(transform)
    transform.execute("grant select on marts.fct_new to storykeep_brand")
    transform.commit()
    ida = log_in("ida", "b0")
    assert seen(ida, "fct_new", ["story_id"]) == []
    assert seen(bi, "fct_new", ["story_id"]) == [("s0",)]
    policies.ensure(transform)
    transform.commit()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seen(ida, "fct_new", ["story_id"])


def test_every_mart_has_a_rule_or_is_closed_on_purpose() -> None:
    assert contracts().keys() - policies.RULES.keys() == set()
    assert {mart for mart, rule in policies.RULES.items() if rule is None} == CLOSED


def test_a_policy_asks_once_in_a_statement_and_not_once_for_each_row(
    owner: psycopg.Connection, transform: psycopg.Connection, log_in: LogIn
) -> None:
    fill(owner, transform, World(frozenset(), frozenset(), frozenset()))
    transform.execute("alter table marts.fct_stories add primary key (story_id)")
    transform.execute(
        "insert into marts.dim_campaigns"
        " (campaign_id, brand_id, name, starts_at, ends_at, currency, scope, manual_tracking)"
        " select 'm' || n, 'b' || n % 2, '', now(), now(), 'EUR', '', false from generate_series(1, 200) as n"
    )
    required = [
        name
        for name, column in contracts()["fct_stories"].items()
        if {"type": "not_null"} in column.get("constraints", []) and name not in ("story_id", "account_id")
    ]
    kinds = [contracts()["fct_stories"][name]["data_type"] for name in required]
    fillers = {"boolean": "false", "text": "''", "timestamp with time zone": "now()"}
    transform.execute(
        f"insert into marts.fct_stories (story_id, account_id, views, {', '.join(required)})"  # noqa: S608
        f" select 'x' || n, 'a' || n % 500, 1, {', '.join(fillers.get(kind, '0') for kind in kinds)}"
        " from generate_series(1, 70000) as n"
    )
    transform.execute(
        "insert into marts.fct_campaign_content (campaign_id, content_id, content_type, story_id, account_id,"
        " matched_by, evidence, confidence, campaigns_matched)"
        " select 'm' || n % 200 + 1, 'x' || n, 'story', 'x' || n, 'a' || n % 500, '', '', '', 1"
        " from generate_series(1, 70000) as n"
    )
    transform.commit()
    transform.autocommit = True
    transform.execute("analyze")
    ida = log_in("ida", "b0")
    for query, expected in (
        ("select sum(views) from marts.fct_stories", 35_000),
        ("select count(*) from marts.fct_campaign_content", 35_000),
        ("select sum(views) from marts.fct_stories join marts.fct_campaign_content using (story_id)", 35_000),
    ):
        assert ida.execute(query).fetchone() == (expected,)
        (plan,) = ida.execute(f"explain (analyze, timing off, costs off, format json) {query}").fetchall()
        assert {loops for loops in subplan_loops(plan[0][0]["Plan"])} == {1}, query


def subplan_loops(node: dict[str, Any]) -> Iterator[int]:
    """How often each part of a plan ran that another part asks."""
    if "Subplan Name" in node:
        yield node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from subplan_loops(child)
