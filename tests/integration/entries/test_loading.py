"""Files of entries become versions of entries: once, whole, and with a reason for every row that does not."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storykeep.entries import load
from storykeep.entries.options import reading
from storykeep.errors import StorykeepError
from storykeep.landing import storage
from storykeep.warehouse import connect

from .conftest import NORA, NOW, OMAR, PNG, Desk, told

pytestmark = pytest.mark.integration

CAPTURES = """account,posted_at,caption,media_type
@Nora,2026-11-03T10:15:00Z,Loving it #glowweek,image
omar,2026-11-04 11:00,,VIDEO
"""
METRICS = 'account,story_id,views,reach,evidence\nnora,1801,"1,234",,a.png\n'


def entries(desk: Desk) -> list[tuple[object, ...]]:
    query = "select kind, account_id, story_id, version, author, row_number, is_withdrawn, payload"
    return desk.all(f"{query} from raw.manual_entries order by landing_id")


def test_rows_land_with_author_and_place(desk: Desk) -> None:
    loaded = desk.load(CAPTURES, "story_capture")
    assert (loaded.landed, loaded.unchanged, loaded.rejected, loaded.reject_file) == (2, 0, (), None)
    assert entries(desk) == [
        ("story_capture", NORA, None, 1, "ida", 2, False,
         {"posted_at": "2026-11-03T10:15:00+00:00", "media_type": "IMAGE", "caption": "Loving it #glowweek"}),
        ("story_capture", OMAR, None, 1, "ida", 3, False,
         {"posted_at": "2026-11-04T11:00:00+00:00", "media_type": "VIDEO"}),
    ]  # fmt: skip
    digest = hashlib.sha256((desk.folder / "november.csv").read_bytes()).hexdigest()
    assert desk.all("select * from app.entry_files") == [
        (digest, "november.csv", "story_capture", "ida", NOW.replace(minute=1), 2, 0, 0)
    ]


def test_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    desk.load(CAPTURES, "story_capture")
    before = desk.all("select xmin::text, * from raw.manual_entries"), desk.all("select * from app.entry_files")
    again = desk.load(CAPTURES, "story_capture", by="bo")
    assert (again.landed, again.unchanged) == (0, 2)
    assert (
        desk.all("select xmin::text, * from raw.manual_entries"),
        desk.all("select * from app.entry_files"),
    ) == before


def test_an_edit_is_a_version_that_the_old_file_does_not_take_back(desk: Desk) -> None:
    old = desk.file(CAPTURES, "old.csv")
    desk.load(old, "story_capture")
    edited = CAPTURES.replace("Loving it", "Still loving it")
    assert desk.load(edited, "story_capture", by="bo").landed == 1
    assert desk.load(old, "story_capture").landed == 0
    versions = desk.all(
        "select version, author, payload ->> 'caption' from raw.manual_entries where account_id = %s order by 1", NORA
    )
    assert versions == [(1, "ida", "Loving it #glowweek"), (2, "bo", "Still loving it #glowweek")]


def test_a_row_that_was_rejected_lands_when_its_file_comes_again(desk: Desk) -> None:
    desk.shot("other.png")
    first = desk.load(METRICS, "story_metrics")
    assert told(first) == [(2, "evidence", "there is no file 'a.png' in november/")]
    assert first.reject_file == desk.folder / "november.csv.rejected.csv"
    assert first.reject_file.exists()
    desk.shot("a.png")
    second = desk.load(METRICS, "story_metrics")
    assert (second.landed, second.rejected) == (1, ())
    assert not first.reject_file.exists()


def test_good_rows_land_and_the_others_come_back_to_be_mended(desk: Desk) -> None:
    text = CAPTURES + "=cmd(),03/04/2026 10:00,+1,GIF\nnora,2026-11-05T09:00,a,IMAGE,b\n"
    loaded = desk.load(text, "story_capture")
    assert (loaded.landed, len(loaded.rejected)) == (2, 2)
    assert loaded.reject_file
    header, bad, longer = loaded.reject_file.read_text("utf-8-sig").splitlines()
    assert header == "row,column,reason,remedy,account,posted_at,caption,media_type"
    assert bad.startswith("4,posted_at; media_type; account,'03/04/2026 10:00' does not say which is the day")
    assert bad.endswith(",'=cmd(),03/04/2026 10:00,'+1,GIF")
    assert longer.startswith("5,,has more cells than there are columns,")

    mended = (
        loaded.reject_file.read_text("utf-8-sig").replace("'=cmd()", "'@omar").replace(",03/04/2026", ",2026-11-06")
    )
    again = desk.load(desk.file(mended.replace("GIF", "IMAGE"), "mended.csv"), "story_capture")
    assert (again.landed, again.rejected) == (2, ())
    assert desk.all(
        "select payload ->> 'caption' from raw.manual_entries where row_number = 2 and run_id = 'load-2'"
    ) == [("+1",)]


def test_a_dry_run_says_the_same_and_changes_nothing(desk: Desk) -> None:
    desk.shot("a.png")
    loaded = desk.load(METRICS + "nobody,1802,5,,a.png\n", "story_metrics", dry_run=True)
    assert (loaded.landed, len(loaded.rejected), loaded.reject_file) == (1, 1, None)
    assert entries(desk) == []
    assert desk.all("select from app.entry_files") == []
    assert not Path(desk.settings.media_root).exists()
    assert not list(desk.folder.glob("*.rejected.csv"))


def test_evidence_is_kept_under_its_hash_and_only_for_rows_that_land(desk: Desk) -> None:
    desk.shot("a.png")
    desk.shot("b.png", PNG + b"2")
    desk.load(METRICS + "nora,1801,99,,b.png\nnora,1803,7,,a.png\n", "story_metrics")
    digest = hashlib.sha256(PNG).hexdigest()
    path = f"evidence/{digest[:2]}/{digest}.png"
    assert desk.all("select distinct evidence_hash, evidence_path from raw.manual_entries") == [(digest, path)]
    root = Path(desk.settings.media_root)
    assert {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()} == {path}
    assert (root / path).read_bytes() == PNG


def test_rows_of_the_same_story_are_not_guessed_at(desk: Desk) -> None:
    desk.shot("a.png")
    same = "nora,1805,5,,a.png\n"
    loaded = desk.load(METRICS + "nora,1801,99,,a.png\n" + same + same, "story_metrics")
    assert told(loaded) == [
        (2, "", "row 3 says something else of the same story"),
        (3, "", "row 2 says something else of the same story"),
        (5, "", "says the same as row 4"),
    ]
    assert loaded.landed == 1


CAPTURE = "account,posted_at"
SHOT = "account,story_id,views,evidence"
BAD = [
    ("story_capture", CAPTURE, "nobody,2026-11-03T10:00", "account", "there is no account with the handle 'nobody'"),
    ("story_capture", CAPTURE, "nora,2026-11-21T12:30", "posted_at", "'2026-11-21T12:30' is in the future"),
    ("story_capture", CAPTURE, "nora,2006-11-21T12:30", "posted_at", "'2006-11-21T12:30' is before there were stories"),
    ("story_capture", f"{CAPTURE},views", "nora,2026-11-03T10:00,5", "views", "is no column of story_capture"),
    ("story_capture", CAPTURE, "nora,", "posted_at", "is empty"),
    ("story_capture", CAPTURE, "nora", "", "has fewer cells than there are columns"),
    ("story_metrics", SHOT, "nora,1801,-5,a.png", "views", "'-5' is negative"),
    ("story_metrics", SHOT, "nora,1801,5,", "evidence", "is empty"),
    ("story_metrics", SHOT, "nora,1801,,a.png", "", "has no number"),
    ("story_metrics", SHOT, "nora,,5,a.png", "", "does not say which story it is"),
    ("story_metrics", SHOT, ",1801,5,a.png", "account", "is empty, and the story is not known"),
    ("story_metrics", SHOT, "nora,1.8E+16,5,a.png", "story_id", "'1.8E+16' is no id of a story"),
    (
        "story_metrics",
        "account,posted_at,observed_at,views,evidence",
        "nora,2026-11-03T10:00,2026-11-03T09:00,5,a.png",
        "observed_at",
        "is before the story was posted",
    ),
    ("assign", "account,story_id,campaign", "nora,1801,gleam", "campaign", "there is no campaign 'gleam'"),
    (
        "confirm_match",
        "account,story_id,campaign,decision",
        "nora,1801,glow,maybe",
        "decision",
        "'maybe' is neither yes nor no",
    ),
    ("assign", "story_id,campaign", f"manual:{'0' * 64},glow", "story_id", "there is no such entry of a story"),
    (None, f"kind,{CAPTURE}", "story,nora,2026-11-03T10:00", "kind", "there is no kind 'story'"),
    (None, f"kind,{CAPTURE}", ",nora,2026-11-03T10:00", "kind", "is empty"),
    (
        "assign",
        f"kind,{CAPTURE}",
        "story_capture,nora,2026-11-03T10:00",
        "kind",
        "is story_capture, where assign was told",
    ),
]


@pytest.mark.parametrize(("kind", "header", "row", "column", "reason"), BAD)
def test_a_bad_row_is_told_with_column_reason_and_remedy(
    desk: Desk, kind: str | None, header: str, row: str, column: str, reason: str
) -> None:
    desk.shot("a.png")
    loaded = desk.load(f"{header}\n{row}\n", kind)
    assert (2, column, reason) in told(loaded)
    assert loaded.landed == 0
    assert all(fault.remedy for one in loaded.rejected for fault in one.faults)


def test_a_file_may_hold_several_kinds_and_refer_to_what_is_known(desk: Desk) -> None:
    desk.load(CAPTURES, "story_capture")
    ((entry_id,),) = desk.all("select entry_id from raw.manual_entries where account_id = %s", OMAR)
    text = f"""kind,account,story_id,campaign,decision
assign,,manual:{entry_id},glow,
confirm_match,nora,1801,glow,NO
assign,nora,manual:{entry_id},glow,
"""
    loaded = desk.load(desk.file(text, "decisions.csv"))
    assert told(loaded) == [(4, "story_id", "is a story of another account than nora")]
    assert desk.all("select kind, account_id, payload from raw.manual_entries where run_id = 'load-2' order by 1") == [
        ("assign", OMAR, {}),
        ("confirm_match", NORA, {"decision": "no"}),
    ]
    assert desk.all("select kind from app.entry_files where name = 'decisions.csv'") == [("assign, confirm_match",)]


def test_a_file_that_cannot_be_used_changes_nothing(desk: Desk) -> None:
    for text, what in {
        "account,posted_at,reech\nnora,2026-11-03T10:00,5\n": r"row 1: wrong columns \(unknown: reech\)",
        "account,posted_at,account\n": r"there twice: account",
        "": "the file is empty",
        'account,caption\nnora,"a\n': "cannot be read as CSV: unexpected end of data",
    }.items():
        with pytest.raises(StorykeepError, match=what):
            desk.load(text, "story_capture")
    with pytest.raises(StorykeepError, match="does not say what kind of entries it holds"):
        desk.load(CAPTURES)
    for name in ("", "Policy", "a\x00b", "x" * 101):
        with pytest.raises(StorykeepError, match="is no name of a person"):
            desk.load(CAPTURES, "story_capture", by=name)
    assert entries(desk) == []
    assert desk.all("select from app.entry_files") == []


def test_what_the_marts_will_leave_out_is_told_at_once(desk: Desk) -> None:
    off = "of these stories were posted while tracking of glow was off: they are kept, and do not count"
    assert desk.load(CAPTURES, "story_capture").notes == (f"1 {off}",)  # it was never switched on
    switches = [("2026-11-03T00:00Z", True), ("2026-11-03T10:15Z", False), ("2026-11-03T10:16Z", True)]
    for switched_at, is_on in switches:
        desk.conn.execute(
            "insert into app.tracking_switches (campaign_id, switched_at, is_on, author) values ('glow', %s, %s, 'x')",
            [switched_at, is_on],
        )
    text = CAPTURES + "nora,2026-11-02T23:59,,\nnora,2026-11-03T10:16,,\nnora,2026-11-08T00:00,,\n"
    assert desk.load(text, "story_capture").notes == (f"2 {off}",)
    assert desk.load(text, "creator_upload").notes == ()  # what its creator hands in needs no switch
    assert len(entries(desk)) == 10


def test_evidence_is_on_the_disk_before_a_row_names_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    really = load.land_file

    def landing(*args: Any) -> tuple[int, int]:
        steps.append("land")
        return really(*args)

    monkeypatch.setattr(load, "land_file", landing)
    monkeypatch.setattr(storage.os, "sync", lambda: steps.append("sync"))
    desk.shot("a.png")
    desk.load(METRICS, "story_metrics")
    assert steps == ["sync", "land"]


def test_a_load_that_breaks_leaves_neither_rows_nor_evidence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> tuple[int, int]:
        raise psycopg.errors.DiskFull("no room")

    desk.shot("a.png")
    monkeypatch.setattr(load, "land_file", full)
    with pytest.raises(psycopg.errors.DiskFull):
        desk.load(METRICS, "story_metrics")
    assert entries(desk) == []
    assert [path for path in Path(desk.settings.media_root).rglob("*") if path.is_file()] == []


def test_what_looks_like_sql_or_a_template_is_a_text(desk: Desk) -> None:
    evil = "'); drop table raw.manual_entries; -- {{ 7 * 7 }} %s \\copy"
    text = f'account,posted_at,caption,note\nnora,2026-11-03T10:00,"{evil}","{evil}"\n'
    assert desk.load(text, "story_capture", by=evil).landed == 1
    assert desk.all("select author, payload ->> 'caption', payload ->> 'note' from raw.manual_entries") == [(evil,) * 3]
    assert desk.load("account,story_id,campaign\nnora,1801,\"x' or 'a'='a\"\n", "assign").landed == 0


def test_two_at_once_give_out_every_version_once(desk: Desk) -> None:
    desk.load(CAPTURES, "story_capture")

    def edit(number: int) -> int:
        path = desk.file(CAPTURES.replace("Loving it", f"Version {number}"), f"{number}.csv")
        with connect(desk.settings.warehouse, "storykeep_ingest") as conn:
            request = load.Request(path, f"person {number}", reading("story_capture"))
            return load.load_file(conn, desk.settings, request, NOW, f"at-once-{number}").landed

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(edit, range(6))) == [1] * 6
    versions = desk.all("select version from raw.manual_entries where account_id = %s order by 1", NORA)
    assert versions == [(number,) for number in range(1, 8)]
