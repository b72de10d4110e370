"""A process that is killed (-9) in the middle of a file leaves no half file that anybody could take for a whole one."""

import os
import signal
import time
from pathlib import Path
from threading import Event

import pytest
import requests
from upath import UPath

from storykeep.capture.download import clear_leftovers, fetch
from storykeep.landing import storage
from storykeep.landing.payload import bytes_hash

from .crashing import context
from .odd_cdn import JPEG, Exchange, odd_cdn

pytestmark = pytest.mark.integration

SECONDS = 20
LONG = JPEG * 200


def download_to(root: str, url: str, host: str) -> None:
    with requests.Session() as session:
        fetch(session, url, UPath(root), [host])


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_download_that_is_killed_half_way_leaves_no_file_and_the_next_one_is_whole(tmp_path: Path) -> None:
    half_sent = Event()

    def stalling(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(len(LONG)))
        exchange.end_headers()
        exchange.wfile.write(LONG[: len(LONG) // 2])
        half_sent.set()
        exchange.server.let_go.wait(SECONDS)

    with odd_cdn() as cdn:
        url = cdn.serves("/a.jpg", stalling)
        process = context.Process(target=download_to, args=(str(tmp_path), url, cdn.host))
        process.start()
        assert half_sent.wait(SECONDS)
        deadline = time.monotonic() + SECONDS
        while not any(path.stat().st_size for path in tmp_path.rglob("*.part")):
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.01)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        (left,) = names(tmp_path)
        assert left.startswith(".") and left.endswith(".part")

        cdn.serves("/a.jpg", lambda exchange: exchange.reply(LONG))
        download_to(str(tmp_path), url, cdn.host)
    digest = bytes_hash(LONG)
    assert names(tmp_path) == [left, f"{digest[:2]}/{digest}.jpg"]
    clear_leftovers(UPath(tmp_path))
    assert left in names(tmp_path), "it might be another process's, at work"
    os.utime(tmp_path / left, (0, 0))
    clear_leftovers(UPath(tmp_path))
    assert names(tmp_path) == [f"{digest[:2]}/{digest}.jpg"]


def test_there_is_nothing_to_clear_where_nothing_was_ever_kept(tmp_path: Path) -> None:
    clear_leftovers(UPath(tmp_path / "media"))
    clear_leftovers(UPath("memory://nowhere"))


def test_a_file_is_on_the_disk_before_its_name_and_its_name_before_it_counts_as_archived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut would take back was never said to be kept."""
    synced: list[int] = []
    really = os.fsync

    def noting(opened: int) -> None:
        synced.append(os.fstat(opened).st_ino)
        really(opened)

    monkeypatch.setattr(storage.os, "fsync", noting)
    with odd_cdn() as cdn:
        download_to(str(tmp_path), cdn.serves("/a.jpg", Exchange.reply), cdn.host)
    (file,) = tmp_path.rglob("*.jpg")
    assert synced == [path.stat().st_ino for path in (file, file.parent, tmp_path)]
