"""What a host may do with a request for a file, and what is kept of it."""

import gzip
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any

import pytest
import requests
from upath import UPath

from storykeep.capture import download
from storykeep.capture.download import MediaMissingError, fetch

from .odd_cdn import JPEG, Behaviour, Exchange, OddCdn, odd_cdn

pytestmark = pytest.mark.integration

HTML = b"<!DOCTYPE html><html><body>Sorry, something went wrong.</body></html>"
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(500)


@pytest.fixture
def cdn() -> Iterator[OddCdn]:
    with odd_cdn() as server:
        yield server


def fetched(cdn: OddCdn, root: Path, behaviour: Behaviour, **options: Any) -> dict[str, Any]:
    with requests.Session() as session:
        return fetch(session, cdn.serves("/a.jpg", behaviour), UPath(root), [cdn.host], **options)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def chunked(exchange: Exchange) -> None:
    exchange.send_response(200)
    exchange.send_header("Transfer-Encoding", "chunked")
    exchange.end_headers()
    for start in range(0, len(JPEG), 5):  # fewer bytes at a time than a signature has
        part = JPEG[start : start + 5]
        exchange.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    exchange.wfile.write(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "body", "content_type"),
    [
        (lambda exchange: exchange.reply(), JPEG, "image/jpeg"),
        (lambda exchange: exchange.reply(HEIC), HEIC, "image/heic"),
        (lambda exchange: exchange.reply(Content_Type="text/html"), JPEG, "image/jpeg"),
        (chunked, JPEG, "image/jpeg"),
    ],
    ids=["whole", "HEIC", "a type that lies", "in small chunks"],
)
def test_media_is_kept_under_the_hash_of_its_bytes(
    cdn: OddCdn, tmp_path: Path, behaviour: Behaviour, body: bytes, content_type: str
) -> None:
    found = fetched(cdn, tmp_path, behaviour)
    digest = hashlib.sha256(body).hexdigest()
    assert (found["content_hash"], found["size_bytes"], found["content_type"]) == (digest, len(body), content_type)
    assert files(tmp_path) == [tmp_path / found["path"]]
    assert (tmp_path / found["path"]).read_bytes() == body


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        (lambda exchange: exchange.reply(b"URL signature expired", 403), "http_403"),
        (lambda exchange: exchange.reply(b"", 404), "http_404"),
        (lambda exchange: exchange.reply(b"", 410), "http_410"),
        (lambda exchange: exchange.reply(HTML, 503), "http_503"),
        (lambda exchange: exchange.reply(JPEG[:100], 206), "http_206"),
        (lambda exchange: exchange.reply(b"", 302, Location="http://169.254.169.254/latest/"), "http_302"),
        (lambda exchange: exchange.reply(b"", 307, Location="file:///etc/passwd"), "http_307"),
        (lambda exchange: exchange.reply(HTML), "not_media"),
        (lambda exchange: exchange.reply(HTML, Content_Type="image/jpeg"), "not_media"),
        (lambda exchange: exchange.reply(b"<svg xmlns='x' onload='alert(1)'/>"), "not_media"),
        (lambda exchange: exchange.reply(gzip.compress(JPEG), Content_Encoding="gzip"), "not_media"),
        (lambda exchange: exchange.reply(b"\xff\xd8"), "not_media"),
        (lambda exchange: exchange.reply(b""), "empty"),
        (lambda exchange: exchange.reply(length=len(JPEG) + 1000), "unreachable_ProtocolError"),
        (lambda exchange: exchange.reply(JPEG[:20], length=len(JPEG)), "unreachable_ProtocolError"),
        (lambda exchange: exchange.reply(length=2**40), "too_large"),
        (lambda exchange: exchange.connection.shutdown(SHUT_RDWR), "unreachable_ConnectionError"),
    ],
    ids=[
        "403 expired",
        "404",
        "410",
        "503",
        "a part that nobody asked for",
        "redirect to another host",
        "redirect to a file",
        "HTML with 200",
        "HTML that says it is an image",
        "SVG",
        "compressed",
        "too short to know",
        "zero bytes",
        "length that is a lie",
        "interrupted",
        "length beyond all bounds",
        "hung up",
    ],
)
def test_anything_else_is_missing_with_its_cause_and_leaves_no_file(
    cdn: OddCdn, tmp_path: Path, behaviour: Behaviour, cause: str
) -> None:
    with pytest.raises(MediaMissingError, match=f"^{cause}$"):
        fetched(cdn, tmp_path, behaviour)
    assert files(tmp_path) == []
    assert cdn.asked == {"/a.jpg": 1}


def test_of_a_body_longer_than_told_only_what_was_told_is_taken(cdn: OddCdn, tmp_path: Path) -> None:
    found = fetched(cdn, tmp_path, lambda exchange: exchange.reply(length=1000))
    assert found["content_hash"] == hashlib.sha256(JPEG[:1000]).hexdigest()


def test_a_body_without_end_is_cut_off_at_the_bound(
    cdn: OddCdn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 10 * len(JPEG))

    def endless(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.end_headers()
        while not cdn.let_go.is_set():
            exchange.wfile.write(JPEG)

    with pytest.raises(MediaMissingError, match=r"^too_large$"):
        fetched(cdn, tmp_path, endless)
    assert files(tmp_path) == []


def test_a_host_that_sends_a_byte_now_and_then_does_not_hold_the_thread_for_ever(cdn: OddCdn, tmp_path: Path) -> None:
    def dripping(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.end_headers()
        exchange.wfile.write(JPEG[:20])
        while not cdn.let_go.wait(0.01):
            exchange.wfile.write(b"x")

    seconds = itertools.count(0, 10)
    with pytest.raises(MediaMissingError, match=r"^too_slow$"):
        fetched(cdn, tmp_path, dripping, monotonic=lambda: float(next(seconds)))
    assert files(tmp_path) == []


def test_a_host_off_the_list_is_not_even_asked(cdn: OddCdn, tmp_path: Path) -> None:
    url = cdn.serves("/a.jpg", Exchange.reply)
    with requests.Session() as session, pytest.raises(MediaMissingError, match=r"^host_not_allowed$"):
        fetch(session, url, UPath(tmp_path), ["cdninstagram.com"])
    assert cdn.asked == {}


@pytest.mark.parametrize("path", ["/../../../etc/cron.d/x.jpg", "/%2e%2e/%2e%2e/x.jpg", "/C:%5Cx.jpg", "/x%00.jpg.exe"])
def test_nothing_of_the_link_gets_into_the_name_of_the_file(cdn: OddCdn, tmp_path: Path, path: str) -> None:
    cdn.behaviours = defaultdict(lambda: Exchange.reply)  # the library may send another path than it was given
    with requests.Session() as session:
        found = fetch(session, f"http://{cdn.host}{path}", UPath(tmp_path / "media"), [cdn.host])
    digest = hashlib.sha256(JPEG).hexdigest()
    assert found["path"] == f"{digest[:2]}/{digest}.jpg"
    assert files(tmp_path) == [tmp_path / "media" / found["path"]]


def test_the_same_bytes_are_one_file(cdn: OddCdn, tmp_path: Path) -> None:
    first, second = (fetched(cdn, tmp_path, Exchange.reply) for _ in range(2))
    assert first == second
    assert len(files(tmp_path)) == 1
