"""Files as people save them: any encoding and delimiter, spreadsheets, and bounds for what is too large."""

import csv
import io
import zipfile
from datetime import datetime, time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storykeep.entries import table
from storykeep.entries.kinds import COLUMNS, KINDS, METRICS, SHAPES
from storykeep.entries.table import read_table
from storykeep.entries.template import template_text, write_template
from storykeep.errors import StorykeepError

TEXT = 'account,caption,views\nmila,"Schön, ""ja"" … €5",1\n\n# ben,,\nzoë,"two\nlines",\n'
CELLS = [
    (2, {"account": "mila", "caption": 'Schön, "ja" … €5', "views": "1"}),
    (5, {"account": "zoë", "caption": "two\nlines", "views": ""}),
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]


def cells(path: Path, **told: str) -> list[tuple[int, dict[str, str | None]]]:
    return [(line.row, line.cells) for line in read_table(path, **told).lines]


def written(folder: Path, body: bytes, name: str = "november.csv") -> Path:
    (folder / name).write_bytes(body)
    return folder / name


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_encoding_and_delimiter_gives_the_same_cells(
    tmp_path: Path, encoding: str, delimiter: str, newline: str
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=newline).writerows(csv.reader(io.StringIO(TEXT)))
    path = written(tmp_path, text.getvalue().encode(encoding))
    assert cells(path) == CELLS
    notes = " ".join(read_table(path).notes)
    assert ("Windows-1252" in notes) == (encoding == "cp1252")
    assert ("separated by" in notes) == (delimiter != ",")


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20), min_size=3, max_size=3
        ),
        max_size=8,
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str
) -> None:
    text = io.StringIO()
    header = ["account", "caption", "note"]
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    path = written(tmp_path_factory.mktemp("given"), text.getvalue().encode())
    kept = [row for row in rows if any(cell.strip() for cell in row) and not row[0].lstrip().startswith("#")]
    assert [list(line.values()) for _, line in cells(path)] == kept


def test_excels_own_hint_of_the_delimiter_is_believed(tmp_path: Path) -> None:
    path = written(tmp_path, b"sep=;\r\naccount;caption\r\nmila;a, b\r\n")
    assert cells(path) == [(3, {"account": "mila", "caption": "a, b"})]


def test_a_stated_delimiter_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path, b"account^caption\nmila^a, b\n")
    assert cells(path, delimiter="^") == [(2, {"account": "mila", "caption": "a, b"})]


def test_ragged_rows_are_seen(tmp_path: Path) -> None:
    lines = read_table(written(tmp_path, b"account,caption,views\nmila,a\nben,b,1,2\nzoe,c,1,\n")).lines
    assert [(line.cells["views"], line.is_longer) for line in lines] == [(None, False), ("1", True), ("1", False)]


def test_a_spreadsheet_says_no_more_than_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "november.xlsx"
    rows = [
        ["Account", "Story ID", "views", "posted at", "decision"],
        ["mila", 18050000000000001, 1234, datetime(2026, 11, 3, 10, 5), True],
        ["# left out", None, None, None, None],
        ["ben", "18050000000000001", 1.234, datetime(2026, 11, 3), None],
        [None, None, None, None, None],
        ["zoe", 12.0, "1.234", time(3, 4), "no"],
    ]
    pd.DataFrame(rows).to_excel(path, header=False, index=False)
    assert [(row, list(found.values())) for row, found in cells(path)] == [
        (2, ["mila", "1.80500E+16", "1234", "2026-11-03T10:05:00", "true"]),
        (4, ["ben", "18050000000000001", "1.2340", "2026-11-03", ""]),
        (6, ["zoe", "12", "1.234", "03:04:00", "no"]),
    ]


@pytest.mark.parametrize(
    ("name", "body", "what"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b" \n,,\n", "the file is empty"),
        ("a.csv", b"account,reech\n", r"a.csv row 1: wrong columns \(unknown: reech\)"),
        ("a.csv", b"\n\naccount,,views\n", r"a.csv row 3: wrong columns \(unknown: \(no name\)\)"),
        ("a.csv", b"account,Account \n", "there twice: account"),
        ("a.csv", b'account\n"a\n', "cannot be read as CSV"),
        ("a.csv", b"account,views\n" + b"\x81\x8d", "its encoding is none that is known"),
        ("a.csv", b"account\n" + b"a" * 30 + b"," * 40, "cannot be read as CSV: Expected 21 fields in line 2, saw 41"),
        ("a.pdf", b"%PDF-", ".pdf is no kind of file that is read"),
        ("a.xlsx", b"PK\x03\x04 no zip", "this is no spreadsheet that can be read"),
        ("a.xlsx", b"account,views\n", "this is no spreadsheet that can be read"),
    ],
)
def test_a_file_that_is_no_use_is_told_with_a_remedy(tmp_path: Path, name: str, body: bytes, what: str) -> None:
    with pytest.raises(StorykeepError, match=what) as refused:
        read_table(written(tmp_path, body, name))
    assert refused.value.remedy
    with pytest.raises(StorykeepError, match="cannot be read"):
        read_table(tmp_path / "nowhere.csv")


def test_a_zip_that_is_no_spreadsheet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil.txt", "x")
    with pytest.raises(StorykeepError, match="this is no spreadsheet"):
        read_table(path)
    assert not list(tmp_path.parent.glob("evil.txt"))


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_too_many_rows_are_refused_and_just_as_many_are_not(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MOST_ROWS", 50)
    for rows in (50, 51, 500):
        path = tmp_path / f"a{rows}{suffix}"
        frame = pd.DataFrame({"account": ["mila"] * rows})
        frame.to_excel(path, index=False) if suffix == ".xlsx" else frame.to_csv(path, index=False)
        if rows == 50:
            assert len(read_table(path).lines) == 50
        else:
            with pytest.raises(StorykeepError, match="has more than 50 rows -> split it"):
                read_table(path)


def test_blank_rows_hide_no_others_behind_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_ROWS", 50)
    with pytest.raises(StorykeepError, match="has more than 50 rows"):
        read_table(written(tmp_path, b"account\n" + b"\n" * 60 + b"mila\n"))


def test_a_million_rows_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(
        b"account,story_id,note\n" + b"mila.berg,18050000000000001,a note of forty letters or some more of it\n" * 10**6
    )
    with pytest.raises(StorykeepError, match="is larger than 64 MB -> split it into files of at most 100,000 rows"):
        read_table(path)
    path.write_bytes(b"account,story_id\n" + b"mila,18050000000000001\n" * 10**6)
    with pytest.raises(StorykeepError, match="has more than 100,000 rows"):
        read_table(path)


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.xlsx"
    pd.DataFrame({"account": ["mila"]}).to_excel(path, index=False)
    monkeypatch.setattr(table, "MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(StorykeepError, match="is too large when unpacked"):
        read_table(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_template_is_a_file_of_its_kind_without_a_row(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"template{suffix}"
    write_template(kind, path)  # type: ignore[arg-type]
    found = read_table(path)
    assert found.header == SHAPES[kind].columns  # type: ignore[index]
    assert found.lines == ()
    with pytest.raises(StorykeepError, match="is there already"):
        write_template(kind, path)  # type: ignore[arg-type]
    meanings, example = list(csv.reader(io.StringIO(template_text(kind))))[1:]  # type: ignore[arg-type]
    assert meanings[0].startswith("# ") and all(meanings)
    assert example[1:] == [COLUMNS[column][1] for column in found.header[1:]]


def test_a_template_is_no_other_kind_of_file(tmp_path: Path) -> None:
    with pytest.raises(StorykeepError, match=r"a template is a \.csv or an \.xlsx file"):
        write_template("assign", tmp_path / "a.txt")


def test_every_column_is_told_of_and_the_metrics_are_those_of_the_marts() -> None:
    assert {column for shape in SHAPES.values() for column in shape.columns} | {"kind"} == set(COLUMNS)
    macro = (Path(__file__).parents[3] / "dbt" / "macros" / "metrics.sql").read_text()
    told = macro[macro.index("story_metrics") : macro.index("{%- endmacro %}")]
    assert [line.split('"')[1] for line in told.splitlines() if line.strip().startswith('"')] == list(METRICS)
