"""Which links may be followed, and what counts as media."""

import pytest

from storykeep.capture.media import MediaMissingError, allowed, sniff

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
        "javascript:alert(1)",
        "data:image/jpeg;base64,AAAA",
    ],
)
def test_any_other_link_is_not(url: str) -> None:
    assert not allowed(url, HOSTS)


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_media_is_known_by_its_first_bytes(head: bytes, content_type: str) -> None:
    assert sniff(head)[0] == content_type


@pytest.mark.parametrize(
    ("head", "cause"),
    [(b"", "empty"), (b"<html><body>", "not_media"), (b"<svg xmlns", "not_media"), (b"MZ", "not_media")],
)
def test_anything_else_is_not_media(head: bytes, cause: str) -> None:
    with pytest.raises(MediaMissingError, match=cause):
        sniff(head)
