"""Media links and files made to do harm: they lead elsewhere, borrow a login, unpack to much or are two things."""

import gzip
import socket
import ssl
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from upath import UPath

from storykeep.capture.download import MAX_BYTES, MediaMissingError, fetch
from storykeep.landing.payload import bytes_hash

from .odd_cdn import JPEG, Exchange, OddCdn, odd_cdn

pytestmark = pytest.mark.integration

NAME = "scontent.cdninstagram.com"
MB = 2**20


@pytest.fixture
def cdn() -> Iterator[OddCdn]:
    with odd_cdn() as server:
        yield server


def fetched(url: str, root: Path, *hosts: str) -> dict[str, Any]:
    with requests.Session() as session:
        return fetch(session, url, UPath(root), hosts)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.fixture
def inner_server(tmp_path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A server within our walls, with a certificate that it made itself; its port, and all that it was asked."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "inner.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    asked: list[bytes] = []
    met = Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            met.set()
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    asked.append(secure.recv(4096))
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(JPEG) + JPEG)
            except OSError:
                return  # the caller did not like the certificate

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, name="inner-server", daemon=True)
        thread.start()
        yield listener.getsockname()[1], asked
        assert met.is_set(), "nobody came"
        thread.join(10)


def test_a_listed_name_that_suddenly_resolves_to_this_machine_is_told_nothing(
    inner_server: tuple[int, list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers has to prove, before anything is asked, to be who the list names."""
    port, asked = inner_server

    def rebound(host: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        assert host == NAME
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with pytest.raises(MediaMissingError, match=r"^unreachable_SSLError$"):
        fetched(f"https://{NAME}/a.jpg", tmp_path / "media", "cdninstagram.com")
    assert asked == []
    assert files(tmp_path / "media") == []


def test_no_login_of_this_machine_is_sent_along(cdn: OddCdn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password canary\ndefault login me password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    sent: list[dict[str, str]] = []

    def noting(exchange: Exchange) -> None:
        sent.append({name.lower(): value for name, value in exchange.headers.items()})
        exchange.reply()

    fetched(cdn.serves("/a.jpg", noting), tmp_path / "media", cdn.host)
    assert len(sent) == 1
    assert not {"authorization", "cookie", "proxy-authorization"} & sent[0].keys()


def test_a_bomb_is_not_unpacked(cdn: OddCdn, tmp_path: Path) -> None:
    bomb = gzip.compress(JPEG + bytes(50 * MB), 1)
    assert len(bomb) < MB
    url = cdn.serves("/a.jpg", lambda exchange: exchange.reply(bomb, Content_Encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(MediaMissingError, match=r"^not_media$"):
            fetched(url, tmp_path, cdn.host)
        assert tracemalloc.get_traced_memory()[1] < 10 * MB
    finally:
        tracemalloc.stop()
    assert files(tmp_path) == []


def test_the_largest_video_is_kept_piece_by_piece_and_one_byte_more_is_too_much(cdn: OddCdn, tmp_path: Path) -> None:
    begin = b"\x00\x00\x00\x18ftypmp42"
    piece = bytes(MB)

    def filming(size: int) -> str:
        def film(exchange: Exchange) -> None:
            exchange.send_response(200)
            exchange.end_headers()
            exchange.wfile.write(begin)
            left = size - len(begin)
            while left:
                exchange.wfile.write(piece[:left])
                left -= min(left, MB)
            exchange.close_connection = True

        return cdn.serves(f"/{size}.mp4", film)

    found = fetched(filming(MAX_BYTES), tmp_path, cdn.host)
    assert (found["size_bytes"], found["content_type"]) == (MAX_BYTES, "video/mp4")
    (kept,) = files(tmp_path)
    assert kept.stat().st_size == MAX_BYTES
    kept.unlink()
    with pytest.raises(MediaMissingError, match=r"^too_large$"):
        fetched(filming(MAX_BYTES + 1), tmp_path, cdn.host)
    assert files(tmp_path) == []


@pytest.mark.parametrize("path", ["/a.html", "/a.svg", "/a.jpg.exe", "/a.php%00.jpg", "/CON", "/\u202egpj.exe"])
def test_a_picture_that_is_a_page_as_well_is_kept_as_a_picture_only(cdn: OddCdn, tmp_path: Path, path: str) -> None:
    both = JPEG + b"<html><script>alert(1)</script></html>"
    url = f"http://{cdn.host}{path}"
    asked = requests.Request("GET", url).prepare().path_url
    cdn.serves(asked, lambda exchange: exchange.reply(both, Content_Type="text/html"))
    found = fetched(url, tmp_path, cdn.host)
    digest = bytes_hash(both)
    assert (found["content_type"], found["path"]) == ("image/jpeg", f"{digest[:2]}/{digest}.jpg")
    assert files(tmp_path) == [tmp_path / found["path"]]


def test_a_link_that_stands_where_the_file_belongs_is_replaced_and_not_followed(cdn: OddCdn, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    digest = bytes_hash(JPEG)
    place = tmp_path / "media" / digest[:2] / f"{digest}.jpg"
    place.parent.mkdir(parents=True)
    place.symlink_to(precious)
    fetched(cdn.serves("/a.jpg", Exchange.reply), tmp_path / "media", cdn.host)
    assert precious.read_text() == "as it was"
    assert not place.is_symlink() and place.read_bytes() == JPEG
