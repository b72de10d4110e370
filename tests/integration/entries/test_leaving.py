"""When an account leaves, what people entered of it goes with it, or goes into its receipt."""

import io
import json
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest

from storykeep.accounts.goodbye import requests
from storykeep.accounts.goodbye.export import export
from storykeep.entries import inbox
from storykeep.entries.approvals import decide, waiting
from storykeep.landing.loader import land
from storykeep.landing.purge import purge_stories
from storykeep.landing.rows import ManualEntry, Story
from storykeep.landing.storage import open_root
from storykeep.landing.tombstones import hash_of
from storykeep.maintenance.deletions import carry_out
from storykeep.warehouse import connect

from .conftest import NORA, NOW, OMAR, PNG, Desk, told

pytestmark = pytest.mark.integration

TEXT = """kind,account,story_id,posted_at,views,campaign,evidence,note
story_capture,nora,,2026-11-03T10:00,,,,of nora
story_metrics,nora,1801,,5,,nora.png,of nora
story_metrics,nora,1802,,6,,both.png,of nora
story_metrics,omar,1901,,7,,both.png,of omar
"""


def fill(desk: Desk) -> None:
    """Entries of two accounts in one file, of one alone in another, and one that names a story and no account."""
    desk.shot("nora.png", PNG + b"nora")
    desk.shot("both.png", PNG + b"both")
    desk.load(TEXT)
    desk.load(desk.file("account,posted_at\nnora,2026-11-05T10:00\n", "Nora 5 November.csv"), "creator_upload")
    desk.load(desk.file("account,posted_at\nnobody,2026-11-05T10:00\n", "for_nora.csv"), "creator_upload")
    desk.load(desk.file("account,posted_at\nomar,2026-11-05T10:00\n", "honora.csv"), "creator_upload")
    decide(desk.conn, waiting(desk.conn), "approved", "bo", NOW)
    story = Story("1803", NORA, NOW, "tick", "v26.0", {"id": "1803"}, "0" * 64)
    alone = ManualEntry(
        *("f" * 64, 1, "confirm_match", None, "1803", "glow", NOW, "by-hand", "ida"), payload={"decision": "yes"},
        content_hash="e" * 64,
    )  # fmt: skip
    with desk.conn.transaction():
        land(desk.conn, [story, alone])


def purge(desk: Desk, ig_user_id: str = "1001") -> requests.Request:
    with connect(desk.settings.warehouse, "storykeep_ingest") as conn:
        asked = requests.record(conn, desk.settings.work_dir, "command", ig_user_id, [ig_user_id], NOW)
    return carry_out(desk.settings, {}, asked, NOW)


def kept(desk: Desk) -> set[bytes]:
    root = Path(desk.settings.media_root)
    return {file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_of_a_purged_account_no_entry_is_left_and_its_file_brings_nothing_back(desk: Desk) -> None:
    fill(desk)
    done = purge(desk)
    assert {table: count for table, count in done.certificate.items() if "entr" in table or "evidence" in table} == {
        "raw.manual_entries": 5,
        "app.entry_approvals": 2,
        "app.entry_files": 1,
        "app.entry_files (their names)": 2,
        "evidence files": 1,
    }
    assert desk.all("select account_id, payload ->> 'note' from raw.manual_entries order by landing_id") == [
        (OMAR, "of omar"),
        (OMAR, None),
    ]
    assert desk.all("select count(*) from app.entry_approvals") == [(1,)]
    assert sorted(desk.all("select name from app.entry_files")) == [("(purged)",), ("(purged)",), ("honora.csv",)]
    assert kept(desk) == {PNG + b"both"}

    again = desk.load(TEXT)
    assert (again.landed, again.unchanged) == (0, 1)
    assert {reason for _, _, reason in told(again)} == {"there is no account with the handle 'nora'"}
    assert kept(desk) == {PNG + b"both"}


def test_a_row_of_a_purged_account_does_not_land_even_if_it_was_checked_before(desk: Desk) -> None:
    fill(desk)
    purge(desk)

    def late(**changed: object) -> int:
        row = {
            **dict.fromkeys(("story_id", "campaign_id")),
            **{"entry_id": "a" * 64, "version": 1, "kind": "story_metrics", "account_id": NORA, "captured_at": NOW},
            **{"run_id": "late", "author": "ida", "content_hash": "b" * 64},
            "payload": {"posted_at": "2026-11-09T23:59:59+00:00"},
            **changed,
        }
        with desk.conn.transaction():
            return land(desk.conn, [ManualEntry(**row)]).get("manual_entries", 0)  # type: ignore[arg-type]

    assert late() == 0
    # The creator has consented anew since; what was posted before that stays refused.
    with connect(desk.settings.warehouse_admin) as owner:
        owner.execute("update app.account_tombstones set readmitted_at = '2026-11-10T00:00Z'")
    assert late() == 0
    assert late(payload={"posted_at": "2026-11-10T00:00:00+00:00"}) == 1


def test_a_purged_story_takes_what_was_entered_of_it_along(desk: Desk) -> None:
    fill(desk)
    root = open_root(desk.settings.media_root)
    assert purge_stories(desk.conn, root, ["1801"], NOW) == 1
    assert kept(desk) == {PNG + b"both"}
    assert desk.all("select count(*) from raw.manual_entries where story_id = '1801'") == [(0,)]
    assert desk.all("select count(*) from app.entry_approvals") == [(2,)]
    again = desk.load(TEXT)
    assert told(again) == [(3, "story_id", "was purged, and is not taken in again")]
    assert desk.all("select story_hash from app.tombstones") == [(hash_of("1801"),)]
    late = ManualEntry(
        *("a" * 64, 1, "story_metrics", NORA, "1801", None, NOW, "late", "ida"), payload={}, content_hash="b" * 64
    )
    with desk.conn.transaction():
        assert land(desk.conn, [late]) == {}


def test_the_receipt_holds_entries_approvals_and_evidence(desk: Desk) -> None:
    fill(desk)
    desk.conn.autocommit = False
    with connect(desk.settings.warehouse, "storykeep_transform") as marts:
        counts = export(desk.conn, marts, open_root(desk.settings.media_root), "nora", desk.folder / "nora.zip", NOW)
    desk.conn.autocommit = True
    expected = {"raw/manual_entries": 5, "app/entry_approvals": 2, "app/entry_files": 2, "evidence": 2}
    assert counts.items() >= expected.items()
    with ZipFile(desk.folder / "nora.zip") as archive:
        lines = io.TextIOWrapper(archive.open("raw/manual_entries.jsonl"), "utf-8").readlines()
        shots = {archive.read(name) for name in archive.namelist() if name.startswith("evidence/")}
    assert {json.loads(line)["story_id"] for line in lines} == {None, "1801", "1802", "1803"}
    assert shots == {PNG + b"nora", PNG + b"both"}


def test_files_that_were_loaded_from_the_inbox_go_too(desk: Desk) -> None:
    done = inbox.folder(desk.settings) / "done"
    (done / "1_shots").mkdir(parents=True)
    fill(desk)
    for (digest,) in desk.all("select distinct file_hash from raw.manual_entries where account_id = %s", NORA):
        (done / f"{digest}_a.csv").write_text("of nora")
        (done / f"{digest}_a").mkdir()
        (done / f"{digest}_a" / "shot.png").write_bytes(PNG)
    certificate = purge(desk).certificate
    assert certificate["loaded files of entries"] == 4
    assert [path.name for path in done.iterdir()] == ["1_shots"]


def test_rows_cannot_be_purged_before_the_entries(desk: Desk) -> None:
    fill(desk)
    with desk.conn.transaction():
        desk.all("select app.bury_account(%s, now())", NORA)
    with pytest.raises(psycopg.errors.RaiseException, match=r"entries of account .* are to be purged first"):
        desk.all("select * from raw.purge_account(%s)", NORA)
    with pytest.raises(psycopg.errors.RaiseException, match="it was not buried before"):
        desk.all("select * from raw.purge_account_entries(%s)", OMAR)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.all("select * from raw.purge_entries('{}')")
