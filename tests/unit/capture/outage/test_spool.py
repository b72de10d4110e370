import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from storykeep.capture.asks import AskKey
from storykeep.capture.outage import private_file, snapshot, spool
from storykeep.capture.outage.memory import NO_VERSION, LockedConnection, Memory, PoolClock
from storykeep.capture.outage.spooled import FORMAT, Record, restored, spooled
from storykeep.clock import fixed_clock
from storykeep.errors import StorykeepError
from storykeep.graph import endpoints, errors
from storykeep.graph.client import Answer
from storykeep.graph.errors import (
    GoneError,
    GraphError,
    PermissionMissingError,
    ReconnectError,
    RefusedError,
    RequestError,
    ThrottledError,
    TransientError,
    UnreachableError,
    UnreadableError,
    WithheldError,
)
from storykeep.graph.replies import Reply, read
from storykeep.graph.usage import Pool, Usage

from ..answers import TOKEN, listing, reading

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = SecretStr("EAAverysecrettoken" + "x" * 40)
CODES = {"code": 100, "subcode": 33, "status": 400}
MESSAGES = st.text() | st.just("half a \ud800 pair")

ERRORS: st.SearchStrategy[GraphError] = st.one_of(
    *(
        st.builds(kind, MESSAGES, code=st.none() | st.integers(0, 2**31), status=st.none() | st.integers(100, 599))
        for kind in (GraphError, TransientError, WithheldError, RefusedError, GoneError, RequestError)
    ),
    st.builds(UnreachableError, MESSAGES, sent=st.booleans()),
    st.builds(
        ThrottledError,
        MESSAGES,
        scope=st.sampled_from(["account", "app"]),
        wait=st.none() | st.timedeltas(timedelta(0), timedelta(days=1)),
        code=st.integers(0, 100_000),
    ),
    st.builds(ReconnectError, MESSAGES, reason=st.sampled_from(["token_expired", "app_removed"]), subcode=st.just(463)),
    st.builds(PermissionMissingError, MESSAGES, scope=st.sampled_from(["", "instagram_basic"]), code=st.just(10)),
    st.builds(UnreadableError, MESSAGES, raw=st.binary(), status=st.none() | st.just(200)),
)
USAGES = st.none() | st.builds(
    Usage,
    st.none() | st.builds(Pool, st.integers(0, 200), st.integers(0, 1440)),
    st.dictionaries(st.from_regex(r"[0-9]{15,17}", fullmatch=True), st.builds(Pool, st.integers(0, 200)), max_size=3),
    st.none() | st.builds(Pool, st.integers(0, 200)),
)


def kept(answer: Answer, place: Path, at: datetime = NOON) -> Answer:
    """The answer after it was on the disk."""
    spool.write(place, record(answer, at=at))
    (path,) = spool.files(place, since=at)
    found = spool.read(path)
    path.unlink()
    return restored(found.answers[0])


def record(*answers: Answer, at: datetime = NOON) -> Record:
    return Record("run", NOON, at, spooled(answers), (), {})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "spool"


def told(answer: Answer) -> dict[str, object]:
    """All of an answer that can be compared, but the token."""
    return {
        **vars(answer),
        "ask": replace(answer.ask, token=TOKEN),
        "error": (type(answer.error), vars(answer.error)) if answer.error else None,
    }


def test_every_kind_of_error_is_among_those_tried() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GraphError)}
    tried = {GraphError, TransientError, WithheldError, RefusedError, GoneError, RequestError, UnreachableError}
    assert kinds == tried | {ThrottledError, ReconnectError, PermissionMissingError, UnreadableError}


@given(error=ERRORS, raw=st.binary(), usage=USAGES)
def test_an_error_comes_back_as_it_was(place: Path, error: GraphError, raw: bytes, usage: Usage | None) -> None:
    answer = replace(reading("1", "2", error=error), raw=raw, usage=usage)
    assert told(kept(answer, place)) == told(answer)


def test_what_an_older_release_left_can_be_read_and_names_no_token(tmp_path: Path) -> None:
    older = FORMAT.dump_json(record(listing("1"))).replace(b'"token_versions":{}', b'"tokens":{"1":"abc"}')
    assert b'"tokens"' in older
    path = tmp_path / "replies.json"
    path.write_bytes(hashlib.sha256(older).hexdigest().encode() + b"\n" + older)
    assert spool.read(path) == record(listing("1"))


def test_a_plan_of_an_older_release_can_be_read_and_names_no_token(tmp_path: Path) -> None:
    one = LockedConnection("acc_1", "1784", "nora", "facebook", b"locked", "connected", True, 7)
    snapshot.write(tmp_path, Memory(connections={"acc_1": one}), NOON, shard=0, shards=1)
    (path,) = tmp_path.glob("plan-*.json")
    path.write_text(path.read_text().replace(',"token_version":7', ""))
    memory = snapshot.read(tmp_path, shard=0, shards=1)
    assert memory is not None
    assert memory.connections == {"acc_1": replace(one, token_version=NO_VERSION)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(data=st.lists(JSON), is_escaped=st.booleans(), usage=USAGES)
def test_a_body_comes_back_byte_for_byte(
    place: Path, data: list[object], is_escaped: bool, usage: Usage | None
) -> None:
    raw = json.dumps({"data": data}, ensure_ascii=is_escaped).encode("utf-8", "surrogatepass")
    result = read(Reply(200, {"facebook-api-version": "v26.0"}, raw))
    if result.error is not None:
        return
    answer = replace(listing("1"), body=result.body, raw=raw, usage=usage)
    assert told(kept(answer, place)) == told(answer)


def test_the_page_of_a_list_comes_back_with_its_place_in_it(place: Path) -> None:
    first = endpoints.stories("17841", TOKEN, key=AskKey("1"))
    body = {"data": [{}], "paging": {"next": "https://x", "cursors": {"after": "abc"}}}
    second = endpoints.next_page(first, body)
    assert second is not None
    answer = replace(listing("1"), ask=second, raw=b'{"data": []}')
    assert told(kept(answer, place)) == told(answer)


def test_no_secret_gets_to_the_disk_and_the_rest_of_the_body_does(place: Path) -> None:
    link = f"https://graph.facebook.com/v26.0/1/stories?access_token={SECRET.get_secret_value()}&after=x"
    raw = f'{{"data": [], "paging": {{"next": "{link}"}}, "access_token": "abc", "id": "17"}}'.encode()
    ask = replace(listing("1").ask, token=SECRET)
    spool.write(place, record(replace(listing("1"), ask=ask, raw=raw)))
    failed = GraphError(f"the token {SECRET.get_secret_value()} is odd")
    spool.write(
        place, record(replace(listing("1", error=failed), ask=ask, raw=b"x" + SECRET.get_secret_value().encode()))
    )
    for path in spool.files(place):
        assert SECRET.get_secret_value().encode() not in path.read_bytes()
        assert b'"abc\\"' not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    good, bad = (restored(spool.read(path).answers[0]) for path in spool.files(place))
    assert good.body == {
        "data": [],
        "paging": {"next": "https://graph.facebook.com/v26.0/1/stories?access_token=***&after=x"},
        "access_token": "***",
        "id": "17",
    }
    assert str(bad.error) == "the token *** is odd"
    for path in spool.files(place):
        path.unlink()


def test_files_stand_in_the_order_of_their_time_and_within_it_in_that_of_their_writing(place: Path) -> None:
    late, early = NOON + timedelta(seconds=1), NOON + timedelta(microseconds=1)
    for at, story_id in ((late, "3"), (early, "1"), (early, "2")):
        spool.write(place, record(reading("1", story_id, error=GraphError("x")), at=at))
    paths = spool.files(place)
    assert [spool.read(path).answers[0].key.story_id for path in paths] == ["1", "2", "3"]
    assert spool.files(place, since=late) == paths[2:]
    assert spool.waiting(place) == spool.Waiting(3, early, 0)
    assert spool.set_aside(paths[0]).name.endswith(".json.bad")
    assert spool.waiting(place) == spool.Waiting(2, early, 1)
    for path in place.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content.replace(b"run", b"rum"),
        lambda content: content + b" ",
        lambda content: b"\xff" * 100,
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_told_by_its_name(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    spool.write(tmp_path, record(listing("1", error=GraphError("x"))))
    (path,) = spool.files(tmp_path)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(StorykeepError, match=rf"{path.name}: these replies cannot be read"):
        spool.read(path)
    assert list(spool.records(tmp_path)) == []


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        yield


def test_a_full_disk_is_told_with_its_folder_and_leaves_no_half_file(tmp_path: Path, full_disk: None) -> None:
    with pytest.raises(StorykeepError, match=rf"^{tmp_path}: cannot be written: No space left on device -> free its"):
        spool.write(tmp_path, record(listing("1", error=GraphError("x"))))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_was_writing_is_cleared_away_an_hour_later(tmp_path: Path) -> None:
    def killed(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", killed)
        spool.write(tmp_path, record(listing("1", error=GraphError("x"))))
    (half,) = tmp_path.iterdir()
    written_at = datetime.fromtimestamp(half.stat().st_mtime, UTC)
    private_file.clear_leftovers(tmp_path, clock=fixed_clock(written_at + timedelta(minutes=59)))
    assert list(tmp_path.iterdir()) == [half]
    spool.write(tmp_path, record(listing("1", error=GraphError("x"))))
    private_file.clear_leftovers(tmp_path, clock=fixed_clock(written_at + timedelta(minutes=61)))
    assert list(tmp_path.iterdir()) == spool.files(tmp_path)


def test_two_processes_of_the_same_number_do_not_write_into_one_file(tmp_path: Path) -> None:
    """Containers that share a folder number their processes alike."""
    names = set()

    def noted(source: Path, target: Path) -> None:
        names.add(source.name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", noted)
        for _ in range(2):
            private_file.write(tmp_path / "plan-0-of-1.json", b"{}")
    assert len(names) == 2


def test_a_rest_that_one_shard_knows_of_outlives_a_newer_figure_of_another(tmp_path: Path) -> None:
    until = NOON + timedelta(hours=1)
    for shard, pool in enumerate(
        (PoolClock(100, until, NOON), PoolClock(40, None, NOON + timedelta(minutes=1))),
    ):
        snapshot.write(tmp_path, Memory(pools={"app:facebook": pool}), NOON, shard=shard, shards=2)
    memory = snapshot.read(tmp_path, shard=0, shards=2)
    assert memory is not None
    assert memory.pools == {"app:facebook": PoolClock(40, until, NOON + timedelta(minutes=1))}
    assert memory.standing(["app:facebook"], NOON + timedelta(minutes=5)).blocked == {"app:facebook"}


def test_the_files_of_one_run_stay_together_and_the_oldest_run_comes_first(tmp_path: Path) -> None:
    for minute, run_id in enumerate(("late-starter", "other", "late-starter", "other")):
        one = replace(record(at=NOON - timedelta(minutes=minute)), run_id=run_id)
        spool.write(tmp_path, one)
    found = [[(one.run_id, one.at.minute) for one in map(spool.read, paths)] for paths in spool.by_run(tmp_path)]
    assert found == [[("other", 57), ("other", 59)], [("late-starter", 58), ("late-starter", 0)]]
