"""The rejected rows go to people's spreadsheets, which must not run what stands in them."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeep.entries.entry import Fault, Rejected
from storykeep.entries.reject_file import write_rejected
from storykeep.entries.row import plain
from storykeep.entries.table import Line, read_table
from storykeep.errors import StorykeepError

FAULT = Fault("account", "=HYPERLINK()", "@remedy")
STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "\0"]


def rejected(*cells: str | None) -> Rejected:
    return Rejected(Line(2, dict(zip(("account", "caption"), cells, strict=False)), False), (FAULT,))


def rows_of(path: Path | None) -> list[list[str]]:
    assert path
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("start", STARTS)
def test_no_cell_begins_like_a_formula(tmp_path: Path, start: str) -> None:
    path = write_rejected(tmp_path / "a.csv", ("account", "caption"), [rejected(f"{start}cmd|' /C calc'!A0", None)])
    header, row = rows_of(path)
    assert header == ["row", "column", "reason", "remedy", "account", "caption"]
    assert row == ["2", "account", "'=HYPERLINK()", "'@remedy", f"'{start}cmd|' /C calc'!A0", ""]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=2, max_size=2))
def test_every_cell_is_harmless_and_means_the_same_when_it_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("given")
    path = write_rejected(folder / "a.csv", ("account", "caption"), [rejected(*cells)])
    (_, row) = rows_of(path)
    assert not any(cell.startswith(tuple(STARTS)) for cell in row)
    assert [plain(cell) for cell in row[4:]] == [plain(cell) for cell in cells]


def test_it_can_be_loaded_again_and_goes_when_nothing_is_rejected_any_more(tmp_path: Path) -> None:
    source = tmp_path / "a.xlsx"
    path = write_rejected(source, ("account", "caption"), [rejected("@mila", "a\nb")])
    assert path == tmp_path / "a.xlsx.rejected.csv"
    (line,) = read_table(path).lines
    assert (plain(line.cells["account"]), line.cells["caption"]) == ("@mila", "a\nb")
    # Rejected once more, it does not grow another verdict.
    again = write_rejected(path, read_table(path).header, [Rejected(line, (FAULT, FAULT))])
    assert rows_of(again)[0] == ["row", "column", "reason", "remedy", "account", "caption"]
    assert rows_of(again)[1][1:3] == ["account", "'=HYPERLINK()"]
    assert write_rejected(source, ("account",), []) is None
    assert not path.exists()
    assert {file.name for file in tmp_path.iterdir()} == {"a.xlsx.rejected.csv.rejected.csv"}


def test_a_link_in_its_place_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "a.csv.rejected.csv").symlink_to(tmp_path / "precious")
    write_rejected(tmp_path / "a.csv", ("account",), [rejected("x")])
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorykeepError, match=r"the rejected rows cannot be written .* the good rows have landed"):
        write_rejected(tmp_path / "nowhere" / "a.csv", ("account",), [rejected("x")])
