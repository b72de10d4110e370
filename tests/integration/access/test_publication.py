"""A publication keeps rights and row policies, whatever else it changes, and shows no mart without them."""

from collections.abc import Iterator

import psycopg
import pytest
from tests.dbt.world import AS_OF, insert
from tests.integration.access.conftest import LogIn

from storykeep.errors import StorykeepError
from storykeep.quality import approval
from storykeep.settings import Settings
from storykeep.transform import publish as publication
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

CONTENT = "select campaign_id, story_id from marts.fct_campaign_content"


@pytest.fixture
def conn(warehouse: Settings) -> Iterator[psycopg.Connection]:
    """Two brands with a campaign each, built and published; the second counts the first one's story as well."""
    with connect(warehouse.warehouse, "storykeep_owner") as conn:
        for brand in ("b0", "b1"):
            insert(conn, "app.brands", brand_id=brand, name=brand, time_zone="UTC", currency="EUR")
    with connect(warehouse.warehouse, "storykeep_transform") as conn:
        conn.autocommit = True
        conn.execute("create table build.dim_campaigns (campaign_id text primary key, brand_id text, note text)")
        conn.execute("insert into build.dim_campaigns values ('k0', 'b0', ''), ('k1', 'b1', '')")
        conn.execute(
            "create table build.fct_campaign_content (campaign_id text, story_id text, campaigns_matched integer,"
            " primary key (campaign_id, story_id))"
        )
        conn.execute("insert into build.fct_campaign_content values ('k0', 's0', 2), ('k1', 's0', 2), ('k1', 's1', 1)")
        approval.approve(warehouse, AS_OF)
        publication.publish(warehouse, AS_OF, {})
        yield conn


def test_a_new_mart_comes_with_its_policies(conn: psycopg.Connection, log_in: LogIn) -> None:
    ida = log_in("ida", "b0")
    assert ida.execute(CONTENT).fetchall() == [("k0", "s0")]
    for hidden in ("select campaigns_matched from marts.fct_campaign_content", "table marts.fct_campaign_content"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ida.execute(hidden)


def test_another_shape_keeps_them(warehouse: Settings, conn: psycopg.Connection, log_in: LogIn) -> None:
    ida = log_in("ida", "b0")
    conn.execute("alter table build.fct_campaign_content alter campaign_id type varchar(20), add evidence text")
    conn.execute("alter table build.dim_campaigns drop column note, alter brand_id type varchar(20)")
    publication.publish(warehouse, AS_OF, {})
    assert ida.execute(f"{CONTENT.replace('story_id', 'story_id, evidence')}").fetchall() == [("k0", "s0", None)]
    assert ida.execute("table marts.dim_campaigns").fetchall() == [("k0", "b0")]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ida.execute("select campaigns_matched from marts.fct_campaign_content")


def test_a_failed_publication_of_another_shape_leaves_them(
    warehouse: Settings, conn: psycopg.Connection, log_in: LogIn
) -> None:
    ida = log_in("ida", "b0")
    conn.execute("alter table build.fct_campaign_content alter campaign_id type varchar(20)")
    conn.execute("create table build.keyless (id text)")
    with pytest.raises(StorykeepError, match="no primary key"):
        publication.publish(warehouse, AS_OF, {})
    assert ida.execute(CONTENT).fetchall() == [("k0", "s0")]


def test_what_somebody_took_off_by_hand_is_put_back(
    warehouse: Settings, conn: psycopg.Connection, log_in: LogIn
) -> None:
    ida = log_in("ida", "b0")
    conn.execute("alter table marts.fct_campaign_content disable row level security")
    conn.execute("grant select on marts.fct_campaign_content to storykeep_brand")
    conn.execute("drop policy storykeep_bi on marts.dim_campaigns")
    conn.execute("create policy open on marts.dim_campaigns to storykeep_brand using (true)")
    conn.execute("drop function intermediate.stories_seen")
    publication.publish(warehouse, AS_OF, {})
    assert ida.execute(CONTENT).fetchall() == [("k0", "s0")]
    assert ida.execute("select campaign_id from marts.dim_campaigns").fetchall() == [("k0",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ida.execute("table marts.fct_campaign_content")
    owner = "select polrelid::regclass::text, polname from pg_policy order by 1, 2"
    assert conn.execute(owner).fetchall() == [
        (f"marts.{mart}", role)
        for mart in ("dim_campaigns", "fct_campaign_content")
        for role in ("storykeep_bi", "storykeep_brand")
    ]


def test_a_brands_reader_that_never_ends_holds_up_no_publication(
    warehouse: Settings, conn: psycopg.Connection, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "LOCK_SECONDS", 1)
    ida = log_in("ida", "b0")
    ida.autocommit = False
    ida.execute(CONTENT)
    conn.execute("insert into build.fct_campaign_content values ('k0', 's9', 1)")
    publication.publish(warehouse, AS_OF, {})
    assert sorted(ida.execute(CONTENT).fetchall()) == [("k0", "s0"), ("k0", "s9")]
