"""A name in a file of entries leads to a file beside it and nowhere else, and is believed by its bytes alone."""

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from upath import UPath

from storykeep.entries import evidence
from storykeep.entries.cells import CellError
from storykeep.entries.evidence import Shot, evidence_of
from storykeep.errors import StorykeepError

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
KINDS = {
    "png": PNG,
    "jpg": b"\xff\xd8\xff\xe0" + b"\0" * 20,
    "webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "pdf": b"%PDF-1.7\n",
}
Fill = Callable[[dict[str, bytes]], Path]


@pytest.fixture(params=["folder", "zip"])
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Fill:
    """Puts files beside `november.csv`, in either way."""

    def fill(files: dict[str, bytes]) -> Path:
        if request.param == "folder":
            (tmp_path / "november").mkdir()
            for name, body in files.items():
                (tmp_path / "november" / name).write_bytes(body)
        else:
            with zipfile.ZipFile(tmp_path / "november.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                for name, body in files.items():
                    archive.writestr(f"november/{name}", body)
        return tmp_path / "november.csv"

    return fill


def take(path: Path, name: str, root: Path | None = None, told: Path | None = None) -> Shot:
    with evidence_of(path, told, UPath(root) if root else None) as found:
        return found.take(name)


def test_evidence_is_kept_by_its_hash_and_by_what_it_is(fill: Fill, tmp_path: Path) -> None:
    path = fill({f"shot.{'txt' if suffix == 'png' else suffix}": body for suffix, body in KINDS.items()})
    root = tmp_path / "media"
    for suffix, body in KINDS.items():
        shot = take(path, f"shot.{'txt' if suffix == 'png' else suffix}", root)
        digest = hashlib.sha256(body).hexdigest()
        assert shot == Shot(digest, f"evidence/{digest[:2]}/{digest}.{suffix}")
        assert (root / shot.path).read_bytes() == body
    assert len([file for file in root.rglob("*") if file.is_file()]) == len(KINDS)


def test_a_dry_run_keeps_nothing(fill: Fill, tmp_path: Path) -> None:
    path = fill({"a.png": PNG})
    before = set(tmp_path.rglob("*"))
    assert take(path, "a.png").content_hash == hashlib.sha256(PNG).hexdigest()
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *(
            (name, "is no plain file name")
            for name in ("../secret.png", "/etc/passwd", "a/b.png", "..", ".", "a\\b.png", "a\0.png")
        ),
        ("none.png", "there is no file"),
        ("html.png", "is neither PNG, JPEG, WebP nor PDF"),
        ("svg.png", "is neither PNG, JPEG, WebP nor PDF"),
        ("empty.png", "is neither PNG, JPEG, WebP nor PDF"),
        ("large.png", "is larger than 0 MB"),
    ],
)
def test_what_is_no_evidence_is_refused(
    fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.setattr(evidence, "MAX_BYTES", 1000)
    (tmp_path / "secret.png").write_bytes(PNG)
    path = fill(
        {"html.png": b"<html>", "svg.png": b"<svg onload=1>", "empty.png": b"", "large.png": PNG + b"\0" * 1000}
    )
    with pytest.raises(CellError, match=reason) as refused:
        take(path, name, tmp_path / "media")
    assert refused.value.remedy
    assert not (tmp_path / "media").exists()


def test_a_name_with_an_accent_is_found_however_it_is_written(fill: Fill) -> None:
    path = fill({"Zoe\u0308.png": PNG})
    assert take(path, "Zo\u00eb.png").content_hash


def test_a_link_a_pipe_and_a_folder_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    shots = tmp_path / "november"
    (shots / "folder.png").mkdir(parents=True)
    (shots / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(shots / "pipe.png")
    for name in ("link.png", "pipe.png", "folder.png"):
        with pytest.raises(CellError, match="there is no file"):
            take(tmp_path / "november.csv", name)


def archive_of(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, body in members:
            archive.writestr(member, body)
    return path.with_suffix(".csv")


def test_a_zip_that_wants_out_of_its_folder_gets_nowhere(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    inside = tmp_path / "inside"
    inside.mkdir()
    path = archive_of(inside / "november.zip", ("../../out.png", PNG), ("/abs.png", PNG + b"2"), (link, b"/etc/passwd"))
    assert take(path, "out.png", inside / "media").path.startswith("evidence/")
    assert take(path, "abs.png", inside / "media").path.startswith("evidence/")
    with pytest.raises(CellError, match="there is no file"):
        take(path, "link.png", inside / "media")
    assert {file.name for file in tmp_path.rglob("*.png") if "media" not in file.parts} == set()


def test_two_files_of_one_name_are_not_chosen_from(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "november.zip", ("a/1.png", PNG), ("b/1.png", PNG + b"2"))
    with pytest.raises(CellError, match="there are several files"):
        take(path, "1.png")


def test_a_bomb_is_unpacked_to_the_limit_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive_of(tmp_path / "november.zip", ("1.png", PNG + b"\0" * 10**7))
    monkeypatch.setattr(evidence, "MAX_BYTES", 10**6)
    read: list[int] = []
    really = zipfile.ZipExtFile.read

    def counting(file: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        body = really(file, n)
        read.append(len(body))
        return body

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counting)
    with pytest.raises(CellError, match="is larger than 0 MB"):
        take(path, "1.png")
    assert sum(read) == 10**6 + 1


def test_a_zip_with_a_password_or_a_broken_member_is_told(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "november.zip", ("1.png", PNG * 50))
    body = bytearray((tmp_path / "november.zip").read_bytes())
    central = body.index(b"PK\x01\x02")
    locked = bytes(body[:6] + b"\x01" + body[7 : central + 8] + b"\x01" + body[central + 9 :])
    (tmp_path / "november.zip").write_bytes(locked)
    with pytest.raises(CellError, match="cannot be unpacked"):
        take(path, "1.png")
    broken = bytes(body[:45] + b"\xff\xff\xff" + body[48:])
    (tmp_path / "november.zip").write_bytes(broken)
    with pytest.raises(CellError, match="cannot be unpacked"):
        take(path, "1.png")


def test_a_place_that_is_told_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no zip")
    for place in ("nowhere", "note.txt"):
        with pytest.raises(StorykeepError, match="the evidence cannot be read"):
            take(tmp_path / "november.csv", "a.png", told=tmp_path / place)
    with pytest.raises(CellError, match=r"there is no file 'a.png' in november.zip or november/, as neither is there"):
        take(tmp_path / "november.csv", "a.png")


def test_the_rejected_rows_of_a_file_have_the_evidence_of_the_file(fill: Fill) -> None:
    path = fill({"a.png": PNG})
    assert take(path.with_name("november.csv.rejected.csv"), "a.png").content_hash


def test_a_stream_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "november.zip").write_bytes(io.BytesIO(b"PK").getvalue())
    with pytest.raises(StorykeepError, match=r"the evidence cannot be read \(BadZipFile\)"):
        take(tmp_path / "november.csv", "a.png")


def test_what_a_power_cut_left_empty_is_written_anew(fill: Fill, tmp_path: Path) -> None:
    path = fill({"a.png": PNG})
    kept = tmp_path / "media" / take(path, "a.png", tmp_path / "media").path
    kept.write_bytes(b"")
    take(path, "a.png", tmp_path / "media")
    assert kept.read_bytes() == PNG


def test_a_screenshot_of_many_rows_is_read_once(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fill({"a.png": PNG})
    with evidence_of(path, None, None) as found:
        first = found.take("a.png")
        found.files.clear()
        assert found.take("a.png") == first
