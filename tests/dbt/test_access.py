"""Who may do what with which table: BI and brands read the marts, and nothing else; each runtime role has its own."""

import psycopg
import pytest
from psycopg import sql
from tests.marts import MARTS

from storykeep.settings import Settings
from storykeep.transform import policies
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

SCHEMAS = ("app", "raw", "staging", "intermediate", "build", "marts")
OF_DBT = SCHEMAS[2:]
VERBS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
WRITING = ("insert into {} default values", "update {0} set {1} = {1}", "delete from {}", "truncate {}")

# What storykeep_ingest may change beside inserting; all else in app and raw is append-only.
UPDATED = {
    *("app.account_clock", "app.account_tombstones", "app.accounts", "app.api_clocks", "app.api_pools", "app.brands"),
    *("app.campaigns", "app.connections", "app.content_clock", "app.creators", "app.deletion_requests"),
    *("app.media_clock", "app.quarantine", "app.refused_metrics", "app.runs", "app.sign_ins", "app.story_clock"),
}
DELETED = {"app.campaign_participants", "app.deliverables", "app.match_rules"}
# What only functions of the owner, or its commands, write.
NOT_INSERTED = {
    *("app.account_tombstones", "app.alembic_version", "app.connection_status", "app.purged_stories"),
    *("app.quarantine", "app.tombstones", "raw.listing_days", "raw.story_insights_kept"),
}
NOT_FOR_INGEST = {"app.brand_access", "app.publications", "app.sign_in_attempts"}
# Tokens and what proves a sign-in, and what is of no use to a mart.
NOT_FOR_TRANSFORM = {
    *("app.account_clock", "app.alembic_version", "app.alerts", "app.api_clocks"),
    *("app.api_pools", "app.connections", "app.content_clock", "app.deletion_requests", "app.media_clock"),
    *("app.notifications", "app.refused_metrics", "app.sign_ins", "app.snoozes"),
    "app.tombstones",
}
# In the small world nobody hands anything in, and no caption nearly has what its campaign asks for.
EMPTY = {"fct_campaign_near_misses", "fct_metric_audit"}
INSERTED_BY_TRANSFORM = {"app.publications", "app.quarantine"}


def relations(settings: Settings, *schemas: str) -> list[tuple[str, str, bool]]:
    """Every table and view: its schema, its name, and whether it is a part of another."""
    with connect(settings.warehouse, "storykeep_owner") as conn:
        return conn.execute(
            """
            select relnamespace::regnamespace::text, relname, relispartition from pg_class
            where relnamespace::regnamespace::text = any(%s) and relkind in ('r', 'v', 'm', 'p')
            order by 1, 2
            """,
            [list(schemas)],
        ).fetchall()


def allowed(role: str, schema: str, name: str, is_part: bool) -> set[str]:
    """What a role may do with a relation."""
    table = f"{schema}.{name}"
    if schema in OF_DBT and role == "storykeep_transform":
        return set(VERBS)
    if is_part:
        return set()
    if role == "storykeep_bi" or role == "lumen_reader":
        shown = schema == "marts" and (role == "storykeep_bi" or policies.RULES[name] is not None)
        return {"select"} if shown else set()
    if schema in OF_DBT:
        return set()
    if role == "storykeep_transform":
        return (set() if table in NOT_FOR_TRANSFORM else {"select"}) | (
            {"insert"} if table in INSERTED_BY_TRANSFORM else set()
        )
    if table in NOT_FOR_INGEST:
        return set()
    return {"select"} | {
        verb
        for verb, may in {
            "insert": table not in NOT_INSERTED,
            "update": table in UPDATED,
            "delete": table in DELETED,
        }.items()
        if may
    }


@pytest.mark.usefixtures("brand_login")
@pytest.mark.parametrize("role", ["storykeep_bi", "lumen_reader", "storykeep_ingest", "storykeep_transform"])
def test_each_role_may_do_what_it_has_to_and_no_more(built: Settings, role: str) -> None:
    found = relations(built, *SCHEMAS)
    assert {schema for schema, _, _ in found} == set(SCHEMAS)
    wrong = {}
    with connect(built.warehouse_admin) as conn:
        for schema, name, is_part in found:
            rows = conn.execute(
                """
                select verb from unnest(%(verbs)s::text[]) as verbs (verb)
                where
                    has_table_privilege(%(role)s, %(table)s::regclass, verb)
                    or verb in ('select', 'insert', 'update', 'references')
                    and has_any_column_privilege(%(role)s, %(table)s::regclass, verb)
                """,
                {"verbs": list(VERBS), "role": role, "table": f'{schema}."{name}"'},
            )
            may = {verb for (verb,) in rows}
            if may != allowed(role, schema, name, is_part):
                wrong[f"{schema}.{name}"] = may ^ allowed(role, schema, name, is_part)
    assert wrong == {}


def test_bi_reads_every_mart(built: Settings, bi: psycopg.Connection) -> None:
    assert {name for _, name, _ in relations(built, "marts")} == MARTS
    counts = {mart: bi.execute(f"select count(*) from marts.{mart}").fetchone() for mart in MARTS}  # noqa: S608
    assert {mart for mart, count in counts.items() if count == (0,)} == EMPTY


@pytest.mark.parametrize("reader", ["bi", "brand"])
@pytest.mark.parametrize("schema", SCHEMAS[:-1])
def test_readers_of_the_marts_read_nothing_else(
    built: Settings, request: pytest.FixtureRequest, reader: str, schema: str
) -> None:
    conn: psycopg.Connection = request.getfixturevalue(reader)
    hidden = relations(built, schema)
    assert hidden
    for _, relation, _ in hidden:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"permission denied for schema {schema}"):
            conn.execute(f"select * from {schema}.{relation}")  # noqa: S608 (names of ours)


@pytest.mark.parametrize("reader", ["bi", "brand"])
@pytest.mark.parametrize("statement", WRITING)
def test_readers_of_the_marts_write_none(request: pytest.FixtureRequest, reader: str, statement: str) -> None:
    conn: psycopg.Connection = request.getfixturevalue(reader)
    for mart in sorted(MARTS):
        table = sql.Identifier("marts", mart)
        columns = conn.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum = 1", [f"marts.{mart}"]
        )
        ((column,),) = columns.fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(sql.SQL(statement).format(table, sql.Identifier(column)))  # type: ignore[arg-type]


@pytest.mark.usefixtures("brand_login")
def test_a_brand_runs_nothing_with_the_rights_of_others_but_what_its_policies_ask(built: Settings) -> None:
    with connect(built.warehouse_admin) as conn:
        functions = conn.execute(
            """
            select proname from pg_proc
            where
                prosecdef and has_function_privilege('lumen_reader', oid, 'execute')
                and not has_function_privilege('public', oid, 'execute')
                and has_schema_privilege('lumen_reader', pronamespace, 'usage')
            """
        ).fetchall()
        asked = conn.execute(
            """
            select proname, proconfig from pg_proc
            where prosecdef and has_function_privilege('lumen_reader', oid, 'execute')
                and prorettype <> 'trigger'::regtype
            """
        ).fetchall()
    assert functions == []
    assert {name for name, _ in asked} == policies.FUNCTIONS.keys()
    assert {tuple(settings) for _, settings in asked} == {("search_path=pg_catalog, pg_temp",)}


@pytest.mark.parametrize("mart", ["fct_stories", "fct_story_readings"])
def test_a_brand_sees_the_stories_of_its_campaigns_alone(
    brand: psycopg.Connection, bi: psycopg.Connection, mart: str
) -> None:
    counting = f"select count(*) from marts.{mart}"  # noqa: S608 (names of ours)
    of_campaigns = "where story_id in (select story_id from marts.fct_campaign_content)"
    own = bi.execute(f"{counting} {of_campaigns}").fetchone()
    assert brand.execute(counting).fetchone() == own != bi.execute(counting).fetchone()


def test_every_column_is_described_where_bi_sees_it(bi: psycopg.Connection) -> None:
    bare = bi.execute(
        """
        select attrelid::regclass::text, attname from pg_attribute join pg_class on pg_class.oid = attrelid
        where relnamespace = 'marts'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
            and col_description(attrelid, attnum) is null
        """
    ).fetchall()
    assert bare == []
