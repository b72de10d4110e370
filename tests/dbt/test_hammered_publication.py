"""Readers that never stop find marts of one publication, whichever they join and in whatever kind of transaction.

The marts are the real ones. Their rows are stamped with the number of the publication, in place of many builds.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.dbt.world import AS_OF, fill

from storykeep.local.postgres import EmbeddedPostgres
from storykeep.quality import approval
from storykeep.settings import PostgresSettings, Settings
from storykeep.transform import dbt
from storykeep.transform import publish as publication
from storykeep.transform.publish import publish
from storykeep.warehouse import connect

pytestmark = pytest.mark.integration

PUBLICATIONS = 25
# Every row of these carries the stamp. The two large ones are brought by what changed, the others as a whole.
STAMPED = {
    "fct_stories": "views",
    "fct_story_readings": "views",
    "fct_campaign_performance": "views",
    "fct_capture_coverage": "stories_seen",
}
STAMPS = [f"select distinct {column} as stamp from marts.{mart}" for mart, column in STAMPED.items()]  # noqa: S608
# A story that comes and goes, in the mart of stories and in that of the campaigns' content.
GUESTS = [
    f"select count(distinct story_id) from marts.{mart} where story_id = 'guest'"  # noqa: S608 (names of ours)
    for mart in ("fct_stories", "fct_campaign_content")
]


@dataclass
class Seen:
    """What one reader has found: the stamps, in order, and every reading in which marts differed."""

    stamps: list[int] = field(default_factory=list)
    torn: list[object] = field(default_factory=list)


@pytest.fixture(scope="module")
def settings(new_warehouse: Callable[[], Settings]) -> Settings:
    """The small world, built and published with stamp 0."""
    settings = new_warehouse()
    with connect(settings.warehouse, "storykeep_owner") as conn:
        fill(conn)
    dbt.build(settings, AS_OF)
    build(settings, 0)
    publish(settings, AS_OF, {})
    return settings


@pytest.fixture
def bi(settings: Settings) -> PostgresSettings:
    assert settings.bi_password is not None
    return replace(settings.warehouse, user="storykeep_bi", password=settings.bi_password)


def build(settings: Settings, stamp: int) -> None:
    """Change the built marts as builds do: one after the other. Of even stamps, the guest is there."""
    with connect(settings.warehouse, "storykeep_transform") as conn:
        conn.autocommit = True
        for mart in ("fct_stories", "fct_campaign_content"):
            conn.execute(f"delete from build.{mart} where story_id = 'guest'")  # noqa: S608 (names of ours)
            if stamp % 2 == 0:
                conn.execute(
                    f"insert into build.{mart} select (jsonb_populate_record(model, %s)).*"  # noqa: S608
                    f" from build.{mart} as model where story_id = '103'",
                    [Jsonb({"story_id": "guest", "content_id": "guest"})],
                )
        for mart, column in STAMPED.items():
            conn.execute(f"update build.{mart} set {column} = %s", [stamp])  # noqa: S608 (names of ours)
    approval.approve(settings, AS_OF)


def in_one_statement(conn: psycopg.Connection) -> tuple[set[int], set[int]]:
    parts = [f"array(select stamp from ({query}) as stamps)" for query in STAMPS]  # noqa: S608 (queries of ours)
    stamps = conn.execute(f"select {' || '.join(parts)}, array[({GUESTS[0]}), ({GUESTS[1]})]").fetchone()
    assert stamps is not None
    return set(stamps[0]), set(stamps[1])


def in_one_transaction(conn: psycopg.Connection) -> tuple[set[int], set[int]]:
    with conn.transaction():
        stamps = {stamp for query in STAMPS for (stamp,) in conn.execute(query).fetchall()}
        return stamps, {count for query in GUESTS for (count,) in conn.execute(query).fetchall()}


Read = Callable[[psycopg.Connection], tuple[set[int], set[int]]]


def hammer(bi: PostgresSettings, read: Read, done: threading.Event, seen: Seen) -> None:
    with connect(bi) as conn:
        conn.autocommit = True
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        while True:
            last = done.is_set()
            stamps, guests = read(conn)
            if len(stamps) > 1 or guests != {(max(stamps) + 1) % 2}:
                seen.torn.append((stamps, guests))
            seen.stamps.append(max(stamps))
            if last:
                return


@dataclass
class Readers:
    """Four readers, two of each kind, who go on until they are stopped."""

    bi: PostgresSettings
    done: threading.Event = field(default_factory=threading.Event)
    seen: list[Seen] = field(default_factory=lambda: [Seen() for _ in range(4)])
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for read, seen in zip([in_one_statement, in_one_transaction] * 2, self.seen, strict=True):
            thread = threading.Thread(target=hammer, args=[self.bi, read, self.done, seen])
            thread.start()
            self.threads.append(thread)

    def stop(self) -> None:
        """Let each read once more."""
        self.done.set()
        for thread in self.threads:
            thread.join(60)


@pytest.fixture
def readers(bi: PostgresSettings) -> Iterator[Readers]:
    readers = Readers(bi)
    readers.start()
    yield readers
    readers.stop()


def test_no_reader_finds_marts_of_two_publications(settings: Settings, readers: Readers) -> None:
    for stamp in range(1, PUBLICATIONS + 1):
        build(settings, stamp)
        publish(settings, AS_OF, {})
    readers.stop()
    for seen in readers.seen:
        assert seen.torn == []
        assert seen.stamps[-1] == PUBLICATIONS
        assert seen.stamps == sorted(seen.stamps)
        # Not before, not after, but between the publications.
        assert len(set(seen.stamps)) > PUBLICATIONS / 4


@pytest.mark.parametrize("at", ["dim_brands", "fct_campaign_performance", "fct_story_readings"])
def test_a_publication_that_is_killed_midway_leaves_the_last_good_set(
    settings: Settings, readers: Readers, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    with connect(settings.warehouse, "storykeep_transform") as conn:
        ((before,),) = conn.execute("select distinct views from marts.fct_stories").fetchall()
    build(settings, before + 2)
    publish_table = publication._publish_table

    def killed(conn: psycopg.Connection, name: str) -> int:
        changed = publish_table(conn, name)
        if name == at:
            with connect(postgres.superuser) as killer:
                killer.execute("select pg_terminate_backend(%s)", [conn.info.backend_pid])
        return changed

    with monkeypatch.context() as patched:
        patched.setattr(publication, "_publish_table", killed)
        with pytest.raises(psycopg.OperationalError):
            publish(settings, AS_OF, {})
    readers.stop()
    assert [(set(seen.stamps), seen.torn) for seen in readers.seen] == [({before}, [])] * 4
    publish(settings, AS_OF, {})
    with connect(settings.warehouse, "storykeep_transform") as conn:
        assert conn.execute("select distinct views from marts.fct_stories").fetchall() == [(before + 2,)]
