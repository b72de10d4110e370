"""Four eyes: numbers wait for another person, and an edit waits again."""

import psycopg
import pytest

from storykeep.entries.approvals import by_others, decide, find_entry, in_file, named, standing, waiting
from storykeep.entries.landing import withdraw
from storykeep.errors import StorykeepError

from .conftest import NOW, Desk

pytestmark = pytest.mark.integration

TEXT = "account,story_id,views,evidence\nnora,1801,5,a.png\nnora,1802,1234,a.png\n"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.shot("a.png")
    return desk


def approvals(desk: Desk) -> list[tuple[object, ...]]:
    return desk.all(
        "select story_id, approvals.version, decided_by, decision from app.entry_approvals as approvals"
        " join raw.manual_entries using (entry_id, version) order by approval_id"
    )


def test_numbers_wait_and_other_entries_do_not(desk: Desk) -> None:
    desk.load(TEXT, "story_metrics", by="Ida Berg")
    desk.load("account,posted_at\nnora,2026-11-03T10:00\n", "story_capture")
    first, second = waiting(desk.conn)
    assert (second.version, second.username, second.story, second.values) == (1, "nora", "1802", "views 1,234")
    assert (second.author, second.file, second.run_id, second.decision) == ("Ida Berg", "november.csv", "load-1", None)
    assert second.evidence_path and second.evidence_path.startswith("evidence/")
    assert first.entry == first.entry_id[:12]


def test_nobody_approves_what_they_entered_however_they_write_their_name(desk: Desk) -> None:
    desk.load(TEXT, "story_metrics", by="Ida Berg")
    for by, others in (("ida berg", ()), (" IDA  Berg ", ()), ("bo", ("Bo ",))):
        with pytest.raises(StorykeepError, match="whoever entered numbers may not approve them"):
            decide(desk.conn, waiting(desk.conn), "approved", by, NOW, entered_by=others)
    assert by_others(waiting(desk.conn), "IDA BERG") == []
    assert approvals(desk) == []
    assert decide(desk.conn, waiting(desk.conn), "approved", "bo", NOW, note="seen") == 2
    assert approvals(desk) == [("1801", 1, "bo", "approved"), ("1802", 1, "bo", "approved")]
    assert desk.all("select distinct decided_at, note from app.entry_approvals") == [(NOW, "seen")]
    assert waiting(desk.conn) == []


def test_one_of_a_persons_own_among_others_stops_all(desk: Desk) -> None:
    desk.load(TEXT, "story_metrics", by="ida")
    theirs = desk.file(TEXT.replace("180", "190"), "bo.csv")
    desk.load(theirs, "story_metrics", by="bo", evidence=desk.folder / "november")
    found = waiting(desk.conn)
    assert len(found) == 4
    with pytest.raises(StorykeepError, match=f"approval of {found[2].entry}, {found[3].entry} by bo"):
        decide(desk.conn, found, "approved", "bo", NOW)
    assert approvals(desk) == []
    assert [one.story for one in by_others(found, "bo")] == ["1801", "1802"]


def test_an_edit_waits_again_and_a_withdrawal_waits_for_nobody(desk: Desk) -> None:
    desk.load(TEXT, "story_metrics")
    decide(desk.conn, waiting(desk.conn), "approved", "bo", NOW)
    desk.load(TEXT.replace(",5,", ",6,"), "story_metrics", by="bo")
    (one,) = waiting(desk.conn)
    assert (one.story, one.version, one.author, one.metrics) == ("1801", 2, "bo", {"views": 6})
    assert withdraw(desk.conn, one.entry_id, "eve", NOW, "not hers") == 3
    assert waiting(desk.conn) == []
    last = "select author, is_withdrawn, payload, file_hash from raw.manual_entries where version = 3"
    assert desk.all(last) == [("eve", True, {"metrics": {"views": 6}, "note": "not hers"}, None)]
    with pytest.raises(StorykeepError, match="is withdrawn already"):
        withdraw(desk.conn, one.entry_id, "eve", NOW)
    assert desk.load(TEXT.replace(",5,", ",6,"), "story_metrics").landed == 0
    assert desk.load(TEXT.replace(",5,", ",6,") + "\n", "story_metrics").landed == 1  # another file says it anew
    assert [(one.story, one.version) for one in waiting(desk.conn)] == [("1801", 4)]


def test_a_later_decision_replaces_an_earlier_one_and_the_same_again_is_none(desk: Desk) -> None:
    desk.load(TEXT, "story_metrics")
    first = waiting(desk.conn)[:1]
    assert [decide(desk.conn, first, what, "bo", NOW) for what in ("rejected", "rejected", "approved", "rejected")] == [
        *(1, 0, 1, 1)
    ]
    assert [one.decision for one in standing(desk.conn)] == ["rejected", None]


def test_entries_are_named_by_how_their_ids_begin(desk: Desk) -> None:
    desk.load(TEXT, "story_metrics")
    found = standing(desk.conn)
    first = found[0]
    assert named(found, [first.entry, first.entry]) == named(found, [first.entry_id.upper()]) == [first]
    assert in_file(found, "november.csv") == in_file(found, str(first.file_hash)) == found
    assert find_entry(desk.conn, first.entry_id[:10]) == first.entry_id
    for wrong in ("", "zzz", "%"):
        with pytest.raises(StorykeepError):
            named(found, [wrong])
        with pytest.raises(StorykeepError):
            find_entry(desk.conn, wrong)
    with pytest.raises(StorykeepError, match="nothing of this file waits"):
        in_file(found, "december.csv")


def test_without_approval_the_policy_approves_and_says_so(desk: Desk) -> None:
    desk.without_approval()
    desk.load(TEXT + "nora,,7,a.png\n", "story_metrics")
    desk.load("account,posted_at\nnora,2026-11-03T10:00\n", "story_capture")
    assert set(approvals(desk)) == {("1801", 1, "policy", "approved"), ("1802", 1, "policy", "approved")}
    assert waiting(desk.conn) == []
    desk.load(TEXT.replace(",5,", ",6,"), "story_metrics")
    assert ("1801", 2, "policy", "approved") in approvals(desk)


@pytest.mark.parametrize("table", ["app.entry_approvals", "app.entry_files", "raw.manual_entries"])
def test_what_was_entered_and_decided_cannot_be_undone(desk: Desk, table: str) -> None:
    desk.load(TEXT, "story_metrics")
    for statement in ("update {} set entry_id = ''", "delete from {}", "truncate {}"):
        statement = statement.format(table).replace("entry_files set entry_id", "entry_files set name")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            desk.conn.execute(statement)
