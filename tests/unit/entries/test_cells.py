"""Counts and moments as people write them; what could mean two things is refused."""

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storykeep.entries import cells
from storykeep.entries.cells import CellError
from storykeep.entries.options import reading
from storykeep.errors import StorykeepError

BERLIN = ZoneInfo("Europe/Berlin")
counts = st.integers(0, 10**12)
moments = st.datetimes(datetime(2016, 8, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)


def grouped(number: int, mark: str) -> str:
    return f"{number:,}".replace(",", mark)


def read(text: str, *, decimal: cells.Decimal | None = None) -> int | None:
    try:
        return cells.count(text, decimal)
    except CellError:
        return None


@given(counts, st.sampled_from([",", ".", " ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"]))
@example(1234, ",")
@example(1234, ".")
def test_a_count_reads_the_same_with_any_marks_between_groups_of_three(number: int, mark: str) -> None:
    assert read(grouped(number, mark)) == read(f"  {number} ") == number


@given(counts, st.sampled_from([".", ","]), st.integers(1, 4))
def test_a_fraction_of_zeros_is_none_unless_it_may_be_a_group(number: int, sign: str, zeros: int) -> None:
    text = f"{number}{sign}{'0' * zeros}"
    other: cells.Decimal = "," if sign == "." else "."
    group = number * 1000 if zeros == 3 and 0 < number < 1000 else None
    assert read(text) == (number if zeros < 3 else group)
    assert read(text, decimal=sign) == number  # type: ignore[arg-type]
    assert read(text, decimal=other) == group
    mixed = f"{grouped(number, other)}{sign}{'0' * zeros}"
    if number > 999:
        assert read(mixed) == (number if zeros < 3 else None)
        assert read(mixed, decimal=sign) == number  # type: ignore[arg-type]


@given(counts, st.sampled_from([".", ","]), st.text("0123456789", min_size=1, max_size=6))
def test_with_a_stated_decimal_sign_a_fraction_is_never_a_group(number: int, sign: str, behind: str) -> None:
    assert read(f"{number}{sign}{behind}", decimal=sign) == (None if behind.strip("0") else number)  # type: ignore[arg-type]


@given(st.text(st.sampled_from("0123456789.,' -+eEkK%()"), max_size=12))
def test_no_text_becomes_a_number_with_other_digits(text: str) -> None:
    """Whatever is read holds the digits that were written, but for zeros behind a decimal sign."""
    number = read(text)
    if number is not None:
        digits = re.sub(r"\D", "", re.sub(r"[.,]0{1,2}\s*$", "", text))
        assert number == int(digits)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "is negative") for text in ("-5", "- 5", "\u22125", "\u20135", "(5)", "-1,234")),
        *(
            (text, "no whole number")
            for text in ("1,23", "1.2345", "12,34,567", "1.234,567", "1,234.5", "1,234,00", "1.234.0", "0,123", "0.123")
        ),
        *(
            (text, "no whole number")
            for text in ("1e3", "1.2K", "5%", "<5", "n/a", "-", "", "+5", "\u0661\u0662", "0x10")
        ),
        ("1234567890123", "larger than any count"),
    ],
)
def test_what_is_no_count_is_refused_with_a_remedy(text: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason) as refused:
        cells.count(text)
    assert refused.value.remedy


def test_full_width_digits_are_digits() -> None:
    assert cells.count("\uff11\uff0c\uff12\uff13\uff14") == 1234


@given(moments, st.integers(-14 * 60, 14 * 60), st.sampled_from(["T", " "]), st.sampled_from(["", ":"]))
def test_iso_with_an_offset_is_that_moment_whatever_the_zone(
    at: datetime, minutes: int, between: str, colon: str
) -> None:
    there = (at + timedelta(minutes=minutes)).replace(tzinfo=None)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{there.isoformat(sep=between)}{sign}{hours:02d}{colon}{rest:02d}"
    assert cells.moment(text, BERLIN) == at
    assert cells.moment(f"{at:%Y-%m-%dT%H:%M:%S}Z", BERLIN) == at


@given(moments, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]))
def test_local_times_are_read_back_or_refused_as_happening_twice(at: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    local = at.astimezone(zone)
    try:
        found = cells.moment(local.strftime("%d/%m/%Y %H:%M:%S"), zone, "%d/%m/%Y %H:%M:%S")
    except CellError as refused:
        assert "exists twice" in refused.reason
        assert local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    else:
        assert found == at


@given(st.integers(1, 12), st.integers(1, 12), st.integers(2016, 2030), st.sampled_from("/.-"))
def test_day_and_month_are_never_guessed(day: int, month: int, year: int, mark: str) -> None:
    text = f"{day:02d}{mark}{month:02d}{mark}{year} 10:15"
    with pytest.raises(CellError, match="does not say which is the day") as refused:
        cells.moment(text)
    first, second = re.findall(r"'([^']+)'", refused.value.remedy)
    assert cells.moment(text, UTC, first) == datetime(year, month, day, 10, 15, tzinfo=UTC)
    assert cells.moment(text, UTC, second) == datetime(year, day, month, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-11-21", "is a day, and not a moment"),
        ("2026-03-29 02:30", "does not exist in Europe/Berlin"),
        ("2026-10-25 02:30", "exists twice in Europe/Berlin"),
        *(
            (text, "is not a moment")
            for text in ("", "yesterday", "2026-02-30T10:00", "2026-11-21T25:00", "20261121T1015")
        ),
        *((text, "is not a moment") for text in ("45964.6", "2026-W47-6", "0001-01-01T00:00", "10:15")),
    ],
)
def test_what_is_no_moment_is_refused_with_a_remedy(text: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason) as refused:
        cells.moment(text, BERLIN)
    assert refused.value.remedy


def test_a_stated_format_goes_before_what_looks_like_iso() -> None:
    swapped = "%Y-%d-%m %H:%M"
    assert cells.moment("2026-03-04 10:00", UTC, swapped) == datetime(2026, 4, 3, 10, tzinfo=UTC)
    with pytest.raises(CellError):
        cells.moment("2026-03-14 10:00", UTC, swapped)
    # As a spreadsheet's own dates come.
    assert cells.moment("2026-03-14T10:00:00", UTC, swapped) == datetime(2026, 3, 14, 10, tzinfo=UTC)


@pytest.mark.parametrize("date_format", ["%d/%m/%Y", "%d/%m %H:%M", "%d/%m/%Y %I:%M", "%", "", "%H:%M", "%Q"])
def test_a_format_that_loses_something_is_refused(date_format: str) -> None:
    with pytest.raises(StorykeepError, match="--date-format"):
        reading(None, date_format=date_format)


@pytest.mark.parametrize(
    "date_format", ["%d/%m/%Y %H:%M", "%m/%d/%y %I:%M %p", "%d.%m.%Y, %H:%M Uhr", "%Y-%m-%dT%H:%M:%S"]
)
def test_a_whole_format_is_taken(date_format: str) -> None:
    assert reading("assign", date_format=date_format).date_format == date_format


def test_other_options_are_checked_too() -> None:
    for wrong in ({"kind": "story"}, {"kind": None, "decimal": ";"}, {"kind": None, "time_zone": "Berlin"}):
        with pytest.raises(StorykeepError):
            reading(**wrong)  # type: ignore[arg-type]


# Nothing fetches an address that somebody typed; these are none, or none of a story.
@pytest.mark.parametrize(
    "text",
    [
        *(f"{scheme}://example.org/" for scheme in ("file", "ftp", "gopher", "data", "javascript", "")),
        *("javascript:alert(1)", "//example.org", "example.org", "http://", "https:///a", "http://[::1", "http://a b"),
        *(
            "http://exa\tmple.org",
            "https://example.org:0/",
            "https://example.org/\u202e",
            "https://e.org/" + "a" * 2048,
        ),
    ],
)
def test_what_is_no_web_address_is_refused(text: str) -> None:
    with pytest.raises(CellError):
        cells.address(text)


def test_a_permalink_is_the_same_however_it_was_shared() -> None:
    hosts, tails = ("instagram.com", "www.instagram.com", "WWW.INSTAGRAM.COM"), ("", "/", "?igsh=abc&x=1", "/#top")
    told = {cells.permalink(f"https://{host}/stories/mila.berg/35{tail}") for host, tail in product(hosts, tails)}
    assert told == {"https://www.instagram.com/stories/mila.berg/35"}
    for other in (
        "https://instagram.com.evil.example/stories/a/1",
        "https://evil.example/instagram.com",
        "https://instagram.com/",
    ):
        with pytest.raises(CellError):
            cells.permalink(other)


@pytest.mark.parametrize("text", ["a\x00b", "a\x07", "a\ud800", "x" * 11, "a\rb"])
def test_a_text_is_one_that_postgres_and_people_can_read(text: str) -> None:
    with pytest.raises(CellError):
        cells.line(text, 10)
    assert cells.line("a\r\nb\tc \U0001f680", 10) == "a\nb\tc \U0001f680"


@pytest.mark.parametrize(("text", "expected"), [("Yes", "yes"), (" NO ", "no"), ("true", "yes"), ("n", "no")])
def test_an_answer_is_yes_or_no(text: str, expected: str) -> None:
    assert cells.answer(text) == expected
    with pytest.raises(CellError):
        cells.answer("maybe")
