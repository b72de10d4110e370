from datetime import UTC, datetime
from pathlib import Path

import pytest

from storykeep.accounts.rows import COLUMNS, read_accounts
from storykeep.errors import StorykeepError

HEADER = ",".join(COLUMNS)
GOOD = "facebook,17841400000000001,@Nora.Eats,EAAsecret1,2026-12-01T10:00:00Z,,2101,EAAsecretpage"
OTHER = "instagram,17841400000000002,omar_moves,IGAAsecret2,,,,"


def text(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    return end.join([header, *rows]) + end


def only_fault(*rows: str) -> StorykeepError:
    good, faults = read_accounts(text(*rows, OTHER))
    assert [row.username for row in good] == ["omar_moves"], "the good neighbour is read"
    assert len(faults) == 1
    return faults[0]


def test_reads_a_row() -> None:
    (row,), faults = read_accounts(text(GOOD))
    assert faults == []
    assert row.login_flavour == "facebook"
    assert row.ig_user_id == "17841400000000001"
    assert row.username == "nora.eats"
    assert row.creator is None
    assert row.token is not None
    assert row.token.get_secret_value() == "EAAsecret1"
    assert row.page_token is not None
    assert row.page_token.get_secret_value() == "EAAsecretpage"
    assert row.token_expires_at == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert row.data_access_expires_at is None


def test_columns_may_stand_in_any_order_with_the_creator_among_them() -> None:
    header = ",".join(reversed([*COLUMNS, "creator"]))
    (row,), faults = read_accounts(text("Nora Novak,,,,,,nora,1784,instagram", header=header))
    assert faults == []
    assert (row.creator, row.username, row.token) == ("Nora Novak", "nora", None)


def test_the_terms_of_a_consent_may_stand_in_columns_of_their_own() -> None:
    header = ",".join([*COLUMNS, "consent_text_version", "usage_rights"])
    rows, faults = read_accounts(text(f"{GOOD},2026-11,internal use", f"{OTHER},,", header=header))
    assert faults == []
    assert [(row.consent_text_version, row.usage_rights) for row in rows] == [("2026-11", "internal use"), (None, None)]
    _, (fault,) = read_accounts(text(f"{OTHER},,internal\x07use", header=header))
    assert "column usage_rights" in str(fault)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_reads_files_from_spreadsheets(tmp_path: Path, bom: bytes, end: str) -> None:
    file = tmp_path / "accounts.csv"
    file.write_bytes(bom + text(GOOD, "", OTHER, ",,,,,,,", end=end).encode())
    rows, faults = read_accounts(file)
    assert [row.ig_user_id for row in rows] == ["17841400000000001", "17841400000000002"]
    assert faults == []


@pytest.mark.parametrize(
    ("row", "column", "what"),
    [
        ("myspace,1784,nora,,,,,", "login_flavour", "'myspace' is no login flavour"),
        ("facebook,1.78E+16,nora,,,,,", "ig_user_id", "'1.78E+16' is not a numeric id"),
        ("facebook,,nora,,,,,", "ig_user_id", "is empty"),
        ("facebook,1784,,,,,,", "username", "'' is no Instagram handle"),
        ("facebook,1784,nora novak,,,,,", "username", "'nora novak' is no Instagram handle"),
        ("facebook,1784,nora,EAA,01.12.2026,,,", "token_expires_at", "'01.12.2026' is not a time"),
        ("facebook,1784,nora,EAA,,soon,,", "data_access_expires_at", "'soon' is not a time"),
        ("facebook,1784,nora,EAA,,,page,", "page_id", "'page' is not a numeric id"),
    ],
)
def test_a_fault_is_told_with_line_column_reason_and_remedy(row: str, column: str, what: str) -> None:
    fault = only_fault(row)
    assert fault.where == f"accounts line 2, column {column}"
    assert fault.what == what
    assert fault.remedy


def test_a_bad_token_is_told_but_not_shown() -> None:
    fault = only_fault("facebook,1784,nora,EAA secret,,,,")
    assert fault.where == "accounts line 2, column access_token"
    assert "EAA" not in str(fault)


def test_cells_must_match_the_columns() -> None:
    assert only_fault("facebook,1784,nora").what == "3 cells under 8 columns"
    assert only_fault("facebook,1784,nora,,,,,,,").what == "10 cells under 8 columns"


def test_the_second_row_of_an_account_is_a_fault() -> None:
    rows, faults = read_accounts(text(GOOD, GOOD))
    assert [row.line for row in rows] == [2]
    assert [str(fault) for fault in faults] == [
        "accounts line 3, column ig_user_id: account 17841400000000001 stands in line 2 already"
        " -> keep one row per account"
    ]


def test_an_open_quotation_ends_the_reading_but_keeps_what_was_read() -> None:
    rows, faults = read_accounts(text(GOOD, '"facebook,1784,nora,,,,,'))
    assert len(rows) == 1
    assert [fault.remedy for fault in faults] == ["look for a quotation mark without its partner"]


def test_wrong_columns_are_all_named() -> None:
    with pytest.raises(StorykeepError) as told:
        read_accounts(text(header=HEADER.replace("page_id", "page").replace("username", "ig_user_id")))
    assert told.value.what == "wrong columns (missing: username, page_id; unknown: page; there twice: ig_user_id)"
    assert told.value.where == "accounts line 1"


def test_semicolons_are_told_apart_from_missing_columns() -> None:
    with pytest.raises(StorykeepError, match="separate by commas"):
        read_accounts(text(header=HEADER.replace(",", ";")))


@pytest.mark.parametrize("empty", ["", "\n", "\ufeff", " \n\n"])
def test_an_empty_file_is_told(empty: str) -> None:
    with pytest.raises(StorykeepError, match="the file is empty"):
        read_accounts(empty)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(StorykeepError, match="cannot be read"):
        read_accounts(tmp_path / "none.csv")
    utf16 = tmp_path / "utf16.csv"
    utf16.write_bytes(text(GOOD).encode("utf-16"))
    with pytest.raises(StorykeepError, match="is not UTF-8"):
        read_accounts(utf16)
