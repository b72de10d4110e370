import stat
from pathlib import Path

import pytest

from storykeep.errors import StorykeepError
from storykeep.local.secret_file import SecretFile


def test_a_secret_is_made_once_and_then_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secrets.json"
    first = SecretFile(path).get("one")
    assert SecretFile(path).get("one") == first
    assert SecretFile(path).get("two") != first
    assert SecretFile(path).get("one") == first


def test_secrets_differ_between_installations_and_are_long(tmp_path: Path) -> None:
    one, other = (SecretFile(tmp_path / name).get("one").get_secret_value() for name in ("a", "b"))
    assert one != other
    assert len(one) == 32


def test_only_the_owner_can_read_the_file_also_after_an_interrupted_write(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    left_over = path.with_name("secrets.json.new")
    left_over.write_text("half")
    left_over.chmod(0o644)
    SecretFile(path).get("one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]


def test_a_broken_file_is_named_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"one": "s3cret"')
    with pytest.raises(StorykeepError, match=r"secrets\.json: .*make clean") as caught:
        SecretFile(path).get("one")
    assert "s3cret" not in str(caught.value)
    assert path.read_text() == '{"one": "s3cret"'
