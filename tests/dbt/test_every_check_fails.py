"""Every check on the marts is seen to fail on a bad row made for it, and one that nobody made a bad row for is named.

dbt's data tests, the constraints of the contracts, and what the release checkpoint expects. What is expected of raw
rows has its bad rows in tests/integration/quality.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.dbt.content import fill_content
from tests.dbt.world import AS_OF, fill

from storykeep.errors import StorykeepError
from storykeep.local.postgres import EmbeddedPostgres
from storykeep.quality import release
from storykeep.quality.checkpoint import claim
from storykeep.settings import Keep, Settings
from storykeep.transform import dbt
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

# What makes each singular test fail, and each generic one whose own bad row would not do (see `bad_row`).
BAD_ROWS = {
    "assert_a_complete_day_has_nothing_unseen": (
        "update build.fct_capture_coverage set is_complete = true, longest_gap_minutes = 1440"
    ),
    "assert_a_campaign_counts_its_content_and_nothing_else": (
        "update build.fct_campaign_performance set views = views + 1"
    ),
    "assert_a_near_miss_counts_when_it_was_confirmed": (
        "insert into build.fct_campaign_near_misses (campaign_id, story_id, decision) values ('tagged', '101', 'no')"
    ),
    "not_null_fct_campaign_near_misses_rule": (
        "insert into build.fct_campaign_near_misses (campaign_id, story_id, reason) values ('a', 'b', 'misspelt')"
    ),
    "assert_a_withheld_count_of_a_post_is_null": "update build.fct_posts set views = 3 where post_id = '503'",
    "assert_an_alarm_is_of_a_silence": (
        "update build.fct_account_silences set is_alarm = true, is_listened_to = false where account_id = 'acc-a'"
    ),
    "assert_days_and_creators_add_up_to_their_campaign": "update build.fct_campaign_daily set stories = stories + 1",
    "assert_every_campaign_has_every_blind_spot": "delete from build.fct_campaign_blind_spots where place = 4",
    "assert_every_count_has_its_source": "update build.fct_stories set reach_source = null where story_id = '101'",
    "assert_every_day_of_the_marts_is_in_dim_dates": "delete from build.dim_dates where date = '2026-11-11'",
    "assert_every_edit_that_stands_is_in_the_audit": (
        "update build.fct_stories set views_source = 'manual' where story_id = '101'"
    ),
    "assert_every_frame_is_in_its_sequence": "update build.fct_stories set frame_position = 9 where story_id = '101'",
    "assert_every_listed_post_reaches_the_marts": "delete from build.fct_posts where post_id = '504'",
    "assert_no_content_counts_where_it_is_excluded": (
        "insert into build.fct_campaign_exclusions (campaign_id, story_id)"
        " select campaign_id, story_id from build.fct_campaign_content"
    ),
    "assert_no_content_is_from_outside_of_its_campaign": (
        "update build.fct_stories set posted_at = posted_at + interval '1 year'"
    ),
    "assert_no_story_by_hand_is_there_twice": "update build.fct_stories set provenance = 'manual_capture'",
    "assert_the_bridge_is_one_of_its_measures": (
        "update build.fct_posts set views_or_impressions = 160 where post_id = '505'"
    ),
    "assert_what_is_captured_by_hand_is_in_the_tracking_scope": (
        "update build.fct_stories set provenance = 'manual_capture'"
    ),
    "assert_a_consent_covers_its_story": "update build.fct_stories set consent_id = null where consent_id is not null",
    "assert_a_withheld_count_is_null": "update build.fct_stories set reach = 3 where story_id = '103'",
    "assert_an_undercount_lies_in_its_interval": (
        "update build.fct_stories set estimated_undercount = -1 where story_id = '101'"
    ),
    "assert_coverage_has_no_day_missing": "delete from build.fct_capture_coverage where date = '2026-11-10'",
    "assert_every_listed_story_reaches_the_marts": "delete from build.fct_stories where story_id = '105'",
    "assert_health_has_every_day_of_the_coverage": (
        "update build.fct_connection_health set listings_good = listings_good + 1 where date = '2026-11-11'"
    ),
    "assert_no_cause_without_a_loss": "update build.fct_stories set loss_cause = 'token' where finality = 'sweep'",
    "assert_no_story_of_no_campaign_reaches_the_marts": "delete from build.fct_campaign_content",
    "assert_sweeps_are_at_most_ten_minutes_old": (
        "update build.fct_stories set last_reading_age_minutes = 10.01 where story_id = '101'"
    ),
    "assert_the_consents_of_an_account_follow_each_other": (
        "update build.fct_consents set ended_at = null, end_reason = null where end_reason = 'followed'"
    ),
    # Nothing in the world is estimated from other stories.
    "unique_int_stories__undercounts_story_id": (
        "insert into intermediate.int_stories__undercounts (story_id) values ('1'), ('1')"
    ),
    "unique_together_int_stories__learned_from_story_id__earlier_id": (
        "insert into intermediate.int_stories__learned_from (story_id, earlier_id) values ('1', '2'), ('1', '2')"
    ),
    "assert_every_entered_story_reaches_the_marts": (
        "with entered as (insert into raw.manual_entries"
        " (landing_id, entry_id, version, kind, captured_at, run_id, author, payload, content_hash)"
        " overriding system value values (0, 'e', 1, 'story_capture', '2026-11-11', 'run', 'ann', '{}', 'hash')"
        " returning landing_id)"
        " insert into intermediate.int_entries__versions (landing_id) select landing_id from entered"
    ),
    # A view, on a table that keeps its shape.
    "not_null_stg_instagram__media_posted_at": "update raw.media set payload = payload - 'timestamp'",
    "not_null_stg_instagram__stories_posted_at": "update raw.stories set payload = payload - 'timestamp'",
}
# Under the policy `all` it asks for nothing.
MATCHED_ONLY = "assert_no_story_of_no_campaign_reaches_the_marts"

# The expectations of the release checkpoint with what breaks each: of those on keys, in which mart rows are doubled.
DOUBLED = {
    "dim_accounts": "account_id column_values_to_be_unique",
    "dim_dates": "date column_values_to_be_unique",
    "fct_posts": "post_id column_values_to_be_unique",
    "fct_audience": "table compound_columns_to_be_unique",
    "fct_account_insights": "table compound_columns_to_be_unique",
    "fct_account_silences": "account_id column_values_to_be_unique",
    "fct_campaign_blind_spots": "table compound_columns_to_be_unique",
    "fct_stories": "story_id column_values_to_be_unique",
    "fct_story_readings": "table compound_columns_to_be_unique",
    "fct_story_sequences": "sequence_id column_values_to_be_unique",
    "fct_metric_audit": "table compound_columns_to_be_unique",
    "fct_campaign_content": "table compound_columns_to_be_unique",
    "fct_campaign_daily": "table compound_columns_to_be_unique",
    "fct_campaign_creators": "table compound_columns_to_be_unique",
    "fct_campaign_performance": "campaign_id column_values_to_be_unique",
    "fct_capture_coverage": "table compound_columns_to_be_unique",
    "fct_connection_health": "table compound_columns_to_be_unique",
    "fct_consents": "consent_id column_values_to_be_unique",
}
UPDATED = {
    "status column_values_to_not_be_null": "dim_accounts set status = null where account_id = 'acc-a'",
    "an account that is not tracked has no connection, one that is connected has": (
        "dim_accounts set status = 'not_tracked' where account_id = 'acc-b'"
    ),
    "an account is connected since some moment, or not connected": (
        "dim_accounts set is_connected = true where account_id = 'acc-b'"
    ),
    "an account in good health is connected and was captured": (
        "dim_accounts set health = 'healthy' where account_id = 'acc-n'"
    ),
    "finality column_values_to_be_in_set": "fct_stories set finality = 'sure' where story_id = '101'",
    "a story is live until it expires, and no longer": "fct_stories set finality = 'live' where story_id = '104'",
    "a withheld count is no number": "fct_stories set reach = 3 where story_id = '103'",
    "every story that landed is in the mart": "fct_stories set story_id = '999' where story_id = '105'",
    "a story with final numbers has its views, or they are withheld": (
        "fct_stories set finality = 'late' where story_id = '106'"
    ),
    "a story is by hand as long as no listing showed it": (
        "fct_stories set provenance = 'manual_capture' where story_id = '102'"
    ),
    "the views have a source where they are known or withheld, a person where they are final by hand": (
        "fct_stories set views_source = null where story_id = '101'"
    ),
    "the frames of a sequence are stories": "fct_story_sequences set frames = 9",
    "share_final column_values_to_be_between": "fct_campaign_performance set share_final = 1.5",
    "reach lies between its bounds": "fct_campaign_performance set reach_upper = 1",
    "a campaign's stories are those of its content": "fct_campaign_performance set stories = 9",
    "a campaign's posts are those of its content": "fct_campaign_performance set posts = 9",
    "what counts for a campaign is in the mart of its kind": (
        "fct_campaign_content set story_id = '998' where story_id = '103'"
    ),
    "the days of a campaign add up to it": "fct_campaign_daily set stories = stories + 1",
    "the creators of a campaign add up to it": "fct_campaign_creators set views = views + 1",
    "the views of a story are those of its last reading": "fct_story_readings set views = 301 where views = 300",
    "a gap of more than an hour has a cause, a shorter one has none": "fct_capture_coverage set gap_cause = null",
    "every day since the account was added is there once": (
        "fct_connection_health set date = date - 1 where date = '2026-11-09'"
    ),
    "a consent that ended did so after it was given, and for a reason": "fct_consents set end_reason = null",
    "no day is missing between the first and the last": "dim_dates set date = date - 9999 where date = '2026-11-12'",
    "every post that landed is in the mart": "fct_posts set post_id = '599' where post_id = '504'",
    "a withheld count of a post is no number": "fct_posts set views = 3 where post_id = '503'",
    "views and impressions are not added up": "fct_posts set views_or_impressions = 160 where post_id = '505'",
    "an audience is counted, or there is a reason": (
        "fct_audience set unavailable_reason = null where account_id = 'acc-b'"
    ),
    "a day of Meta has 23 to 25 hours": "fct_account_insights set ends_at = ends_at + interval '1 second'",
    "an alarm is of an account that is listened to and silent": (
        "fct_account_silences set is_alarm = true where account_id = 'acc-a'"
    ),
    "every campaign has every blind spot": "fct_campaign_blind_spots set blind_spot = 'reshares' where place = 4",
    "what matters for certain has a size": "fct_campaign_blind_spots set matters = 'yes' where place = 5",
    "the counts kept back are those of the campaign's performance": (
        "fct_campaign_blind_spots set size = -1 where blind_spot = 'withheld_counts'"
    ),
}
# Likewise of what the small world has nothing of, by mart.
ADDED = {
    "of a story's metric one edit stands at most, and it is approved": (
        "fct_metric_audit (entry_id, version, metric, story_id, is_winner, status)"
        " values ('e', 1, 'views', '101', true, 'approved'), ('f', 1, 'views', '101', true, 'approved')"
    ),
}
# Likewise of those that only warn.
ODD = {
    "the reach of a post is at most its views": "fct_posts set reach = views + 1 where post_id = '501'",
    "the views of stories are at most those of the account": "fct_account_insights set views_of_stories = views + 1",
    "reach is at most views": "fct_stories set reach = views + 1 where story_id = '101'",
    "views never fall from one reading to a later one": "fct_story_readings set views = 2000 where views = 990",
}

# The bad row of a generic test, by its kind. No key is -1, and no text "-1".
OF_KIND = {
    "unique": "insert into {relation} select * from {relation}",
    "unique_together": "insert into {relation} select * from {relation}",
    "not_null": "update {relation} set {name} = null",
    "accepted_values": "update {relation} set {name} = '-1'",
    "relationships": "update {relation} set {name} = '-1'",
}
# What a column of a table without rows is given, by type; of a number, 1.
FILLERS = {
    "text": "x",
    "boolean": True,
    "date": "2026-11-11",
    "timestamp with time zone": "2026-11-11T00:00:00Z",
    "text[]": [],
    "jsonb": {},
}
# How a constraint refuses what.
REFUSED = {
    "not_null": (psycopg.errors.NotNullViolation, "update {relation} set {name} = null"),
    "primary_key": (psycopg.errors.UniqueViolation, "insert into {relation} select * from {relation}"),
}


@dataclass(frozen=True)
class Check:
    """A data test of dbt's: the SQL that finds the rows which break it, and, of a generic one, what it says of what."""

    name: str
    finds: str
    relation: str | None
    kind: str | None
    column: str


@pytest.fixture(scope="module")
def settings(new_warehouse: Callable[[], Settings]) -> Settings:
    """The small world, built; nothing is published."""
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
        fill_content(conn)
        conn.commit()
    dbt.build(settings, AS_OF)
    return settings


@pytest.fixture(scope="module")
def target(settings: Settings) -> Path:
    return settings.work_dir / "dbt" / "target"


@pytest.fixture
def conn(settings: Settings, postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """A connection that may do anything, to what is undone at the end."""
    with connect(replace(postgres.superuser, database=settings.warehouse.database)) as connection:
        yield connection
        connection.rollback()


@contextmanager
def undone(conn: psycopg.Connection) -> Iterator[None]:
    with conn.transaction(force_rollback=True):
        yield


def checks(target: Path) -> Iterator[Check]:
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    for result in json.loads((target / "run_results.json").read_text())["results"]:
        node = nodes.get(result["unique_id"], {"resource_type": "operation"})
        if node["resource_type"] == "test":
            tested = nodes.get(node.get("attached_node"))
            relation = f"{tested['schema']}.{tested['alias']}" if tested else None
            kind = (node.get("test_metadata") or {}).get("name")
            yield Check(node["name"], result["compiled_code"], relation, kind, node.get("column_name") or "")


def fails(conn: psycopg.Connection, check: Check) -> bool:
    finds = check.finds
    if check.name == MATCHED_ONLY:
        assert "and false" in finds
        finds = finds.replace("and false", "and true")
    return conn.execute(finds.encode()).rowcount > 0


def leave_out_unmatched(conn: psycopg.Connection) -> None:
    """What is not there under the policies matched and matched_then_purge."""
    for mart in ("build.fct_story_readings", "build.fct_stories"):
        matched = "select story_id from build.fct_campaign_content where story_id is not null"
        unmatched = f"delete from {{relation}} where story_id not in ({matched})"  # noqa: S608 (names of ours)
        _run(conn, unmatched, mart)


def loosened(conn: psycopg.Connection, relation: str) -> None:
    """Let anything be written into a table; of a view, one is made."""
    if conn.execute("select from pg_class where oid = %s::regclass and relkind = 'v'", [relation]).rowcount:
        schema, name = relation.split(".")
        conn.execute(f"alter view {relation} rename to {name}_before".encode())
        _run(conn, "create table {relation} as table {before}", relation, before=f"{schema}.{name}_before")
    keys = conn.execute(
        "select conname from pg_constraint where conrelid = %s::regclass and contype <> 'n'", [relation]
    )
    for (name,) in keys.fetchall():
        _run(conn, "alter table {relation} drop constraint {name}", relation, name=name)
    indexes = conn.execute(
        "select indexrelid::regclass::text from pg_index where indrelid = %s::regclass and indisunique", [relation]
    )
    for (name,) in indexes.fetchall():
        conn.execute(f"drop index {name}")
    columns = conn.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attnotnull", [relation]
    )
    for (name,) in columns.fetchall():
        _run(conn, "alter table {relation} alter {name} drop not null", relation, name=name)


def filled(conn: psycopg.Connection, relation: str) -> None:
    """Put a row into a table that has none: something in each column."""
    if conn.execute(f"select from {relation} limit 1".encode()).rowcount:
        return
    columns = conn.execute(
        "select attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        [relation],
    )
    row = {name: FILLERS.get(kind, 1) for name, kind in columns.fetchall()}
    conn.execute(
        f"insert into {relation} select (jsonb_populate_record(null::{relation}, %s)).*".encode(), [Jsonb(row)]
    )


def bad_row(conn: psycopg.Connection, check: Check) -> None:
    """Make what a check is there to find: what stands in BAD_ROWS for it, or what the kind of a generic test says."""
    if statement := BAD_ROWS.get(check.name):
        relation = re.findall(r"(?:update|insert into|delete from) (\S+)", statement)[-1]
        if not relation.startswith("raw."):
            loosened(conn, relation)
        assert conn.execute(statement.encode()).rowcount > 0, "the bad row changes nothing"
        return
    assert check.relation and check.kind in OF_KIND, "no bad row was made for it: see BAD_ROWS"
    loosened(conn, check.relation)
    filled(conn, check.relation)
    _run(conn, OF_KIND[check.kind], check.relation, name=check.column)


def _run(conn: psycopg.Connection, statement: str, relation: str, **names: str) -> None:
    parts = {part: sql.Identifier(*name.split(".")) for part, name in (names | {"relation": relation}).items()}
    conn.execute(sql.SQL(statement).format(**parts))  # type: ignore[arg-type]


def test_every_data_test_fails_on_its_bad_row_and_not_before(conn: psycopg.Connection, target: Path) -> None:
    found = list(checks(target))
    assert len(found) > 50
    wrong = {}
    for check in found:
        try:
            with undone(conn):
                if check.name == MATCHED_ONLY:
                    leave_out_unmatched(conn)
                assert not fails(conn, check), "it fails on good rows"
                bad_row(conn, check)
                assert fails(conn, check), "it does not fail on its bad row"
        except (AssertionError, psycopg.Error) as error:
            wrong[check.name] = str(error).splitlines()[0]
    assert not wrong, "".join(f"\n{name}: {why}" for name, why in wrong.items())
    assert BAD_ROWS.keys() <= {check.name for check in found}


def test_every_constraint_of_a_contract_refuses_its_bad_row(conn: psycopg.Connection, target: Path) -> None:
    wrong = []
    for model in json.loads((target / "manifest.json").read_text())["nodes"].values():
        if not model["config"].get("contract", {}).get("enforced"):
            continue
        mart = f"{model['schema']}.{model['alias']}"
        rules = [(name, rule["type"]) for name, column in model["columns"].items() for rule in column["constraints"]]
        rules += [(mart, rule["type"]) for rule in model["constraints"]]
        assert (mart, "primary_key") in rules
        for name, rule in rules:
            refusal, statement = REFUSED[rule]
            with undone(conn):
                filled(conn, mart)
                try:
                    _run(conn, statement, mart, name=name)
                    wrong.append((mart, name, rule))
                except refusal:
                    pass
    assert wrong == []


def test_every_release_expectation_fails_on_its_bad_row(
    settings: Settings, postgres: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    """The last one here: what it breaks stays so."""
    expected = {
        (mart, claim(one.configuration))
        for mart, expectations in release.expectations(AS_OF, settings.keep).items()
        for one in expectations
    }
    changes = {said: f"update build.{change}" for said, change in (UPDATED | ODD).items()}
    changes |= {said: f"insert into build.{row}" for said, row in ADDED.items()}
    marts = {said: change.split()[0] for said, change in (UPDATED | ODD | ADDED).items()}
    assert expected == DOUBLED.items() | {(mart, said) for said, mart in marts.items()}
    with connect(replace(postgres.superuser, database=settings.warehouse.database)) as conn:
        for mart in {mart for mart, _ in expected}:
            loosened(conn, f"build.{mart}")
        for change in changes.values():
            assert conn.execute(change.encode()).rowcount > 0, change
        for mart in DOUBLED:
            _run(conn, "insert into {relation} select * from {relation}", f"build.{mart}")
    with pytest.raises(StorykeepError) as failure:
        release.check_release(settings, AS_OF)
    found = [*caplog.messages, *str(failure.value).split("; ")]
    claims = [f"release of build.{mart}: {said}" for mart, said in expected]
    unseen = [claim for claim in claims if not any(f"{claim}: found" in line for line in found)]
    assert unseen == [], [line[:500] for line in found if any(claim in line for claim in unseen)]
    # Which stands in the place of another under the policies that keep the stories of campaigns alone.
    with pytest.raises(StorykeepError, match="the stories in the mart are those of the campaigns"):
        release.check_release(replace(settings, keep=Keep(matched_only=True)), AS_OF)
