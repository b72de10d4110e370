"""Which links may be followed, and what counts as media."""

import pytest
import requests
from urllib3.util import parse_url

from storykeep.capture.download import MediaMissingError, allowed, sniff

# A page for a browser, media for whoever looks at the middle only.
POLYGLOTS = [
    (begin, "not_media")
    for begin in (b"<!--    WEBP--><script>", b"<!--ftypheic--><script>", b"<!--ftypmp42", b"GIF89a/*<svg/onload=")
]
HOSTS = ("cdninstagram.com", "fbcdn.net", "127.0.0.1:8002")


@pytest.mark.parametrize(
    "url",
    [
        "https://scontent-xyz1-1.cdninstagram.com/v/a.jpg?oh=1",
        "https://cdninstagram.com/a.jpg",
        "https://video.xx.fbcdn.net:443/a.mp4",
        "http://127.0.0.1:8002/v/a.jpg",
    ],
)
def test_links_to_the_listed_hosts_are_followed(url: str) -> None:
    assert allowed(url, HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.jpg",
        "//cdninstagram.com/a.jpg",
        "http://scontent.cdninstagram.com/a.jpg",
        "ftp://scontent.cdninstagram.com/a.jpg",
        "file:///etc/passwd",
        "file://cdninstagram.com/etc/passwd",
        "gopher://cdninstagram.com/",
        "https://evilcdninstagram.com/a.jpg",
        "https://cdninstagram.com.evil.example/a.jpg",
        "https://evil.example/?x=.cdninstagram.com",
        "https://evil.example/#.cdninstagram.com",
        "https://evil.example\\.cdninstagram.com/a.jpg",
        "https://cdninstagram.com@evil.example/a.jpg",
        "https://evil.example@cdninstagram.com/a.jpg",
        "https://user:pass@cdninstagram.com/a.jpg",
        "https://cdninstagram.com:8443/a.jpg",
        "https://cdninstagram.com:99999/a.jpg",
        "https://[::1]/a.jpg",
        "https://[cdninstagram.com/a.jpg",
        "http://127.0.0.1/a.jpg",
        "http://127.0.0.1:8003/a.jpg",
        "http://127.1:8002/a.jpg",
        "http://2130706433:8002/a.jpg",
        "http://localhost:8002/a.jpg",
        "https://127.0.0.1:8002/a.jpg",
        "https://169.254.169.254/latest/meta-data/",
        "http://169.254.169.254:8002/",
        "https://0x7f000001/a.jpg",
        "https://metadata.google.internal/",
        "https://[::ffff:127.0.0.1]/a.jpg",
        "https://[::ffff:a9fe:a9fe]/latest/meta-data/",
        "https://[fd00::1]:443/a.jpg",
        "https://0177.0.0.1/a.jpg",
        "https://0/a.jpg",
        "https://cdninstagram.com%2eevil.example/a.jpg",
        "https://evil.example%2f.cdninstagram.com/a.jpg",
        "https://evil.example%00.cdninstagram.com/a.jpg",
        "https://evil.example\x00.cdninstagram.com/a.jpg",
        "https://evil.example /.cdninstagram.com/a.jpg",
        "https://evil.example\t.cdninstagram.com.evil.example/a.jpg",
        "https://evil.example\uff0fa.cdninstagram.com/a.jpg",
        "https://cdninstagram\u3002com/a.jpg",
        "https://\uff43dninstagram.com/a.jpg",
        "https://cdn\u200binstagram.com/a.jpg",
        "https://cdn\u0131nstagram.com/a.jpg",
        "https://evil.example;.cdninstagram.com/a.jpg",
        "https://evil.example:443\\@cdninstagram.com/a.jpg",
        "https:///cdninstagram.com/a.jpg",
        "https:cdninstagram.com/a.jpg",
        "https://.cdninstagram.com.evil.example./a.jpg",
        "https://cdninstagram.com:0/a.jpg",
        "https://cdninstagram.com:22/a.jpg",
        "https://cdninstagram.com:443@evil.example/a.jpg",
        "ws://cdninstagram.com/a.jpg",
        "HTTP://cdninstagram.com/a.jpg",
        "s3://cdninstagram.com/a.jpg",
        "javascript:alert(1)",
        "data:image/jpeg;base64,AAAA",
    ],
)
def test_any_other_link_is_not(url: str) -> None:
    assert not allowed(url, HOSTS)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdninstagram.com?@evil.example/a.jpg",
        "https://cdninstagram.com#@evil.example/a.jpg",
        "https://cdninstagram.com/@evil.example/a.jpg",
        "https://cdninstagram.com/\\evil.example/a.jpg",
        "https://cdninstagram.com/..//evil.example/a.jpg",
        "https://a.cdninstagram.com./a.jpg",
        "https://CDNINSTAGRAM.com/a.jpg",
        " https://cdninstagram.com/a.jpg",
        "https://cdn\tinstagram.com/a.jpg",
        "https://-.cdninstagram.com/a.jpg",
        "https://a..cdninstagram.com/a.jpg",
    ],
)
def test_an_odd_link_that_is_followed_leads_to_a_listed_host_for_the_library_too(url: str) -> None:
    """Two parsers that read one link differently are how an allow-list is got around."""
    assert allowed(url, HOSTS)
    try:
        sent = requests.Request("GET", url).prepare().url
    except requests.RequestException:
        return  # the library refuses to send it
    assert sent is not None
    assert str(parse_url(sent).host).rstrip(".").endswith("cdninstagram.com")


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x24ftypheix", "image/heic"),
        (b"\x00\x00\x00\x24ftypmif1", "image/heic"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\n\n\n\nWEBPVP8 ", "image/webp"),
    ],
)
def test_media_is_known_by_its_first_bytes(head: bytes, content_type: str) -> None:
    assert sniff(head)[0] == content_type


@pytest.mark.parametrize(
    ("head", "cause"),
    [(b"", "empty"), (b"<html><body>", "not_media"), (b"<svg xmlns", "not_media"), (b"MZ", "not_media"), *POLYGLOTS],
)
def test_anything_else_is_not_media(head: bytes, cause: str) -> None:
    with pytest.raises(MediaMissingError, match=cause):
        sniff(head)
