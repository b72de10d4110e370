"""A campaign of 10,000 rows of numbers with their screenshots, from the file to the warehouse.

A hundredth of the rows have a fault, and come back. The same file again changes nothing.
"""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import psycopg
from figures import Figure
from stage import START, Bench, connected_accounts, ingest, sandbox_stack, settings_of, take_in, timed

from storykeep.entries.load import Loaded, Request, load_file
from storykeep.entries.options import reading
from storykeep.settings import Settings

ROWS, QUICK_ROWS = 10_000, 1_000
ACCOUNTS = 40
BAD = 100
PNG = b"\x89PNG\r\n\x1a\n"


def measure(bench: Bench) -> Iterator[Figure]:
    """Load a file, and load it again."""
    size = QUICK_ROWS if bench.quick else ROWS
    with (
        sandbox_stack(accounts=ACCOUNTS) as stack,
        ingest(settings_of(stack)) as conn,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = settings_of(stack)
        accounts = connected_accounts(stack)
        take_in(conn, settings, accounts, START)
        path = _write(Path(folder), [account["username"] for account in accounts], size)
        loads: list[Loaded] = []
        with bench.step(f"{size:,} rows of a spreadsheet"):
            first = timed(lambda: loads.append(_load(conn, settings, path, "first")))
        with bench.step("the same again"):
            second = timed(lambda: loads.append(_load(conn, settings, path, "second")))
    if [(one.landed, one.unchanged, len(one.rejected)) for one in loads] != [
        (size - size // BAD, 0, size // BAD),
        (0, size - size // BAD, size // BAD),
    ]:
        raise RuntimeError("other rows landed than should have")
    yield Figure(f"a file of {size:,} rows with a screenshot each, landed", first, "s", at_most=30)
    yield Figure("the same file again", second, "s")


def _write(folder: Path, usernames: list[str], size: int) -> Path:
    """The file, with a zip of its screenshots beside it."""
    lines = ["account;posted_at;observed_at;views;reach;replies;evidence"]
    for row in range(size):
        posted_at = START - timedelta(minutes=7 * row + 1500)
        times = ";".join(f"{at:%d/%m/%Y %H:%M}" for at in (posted_at, posted_at + timedelta(days=1)))
        views = "-1" if row % BAD == 0 else f"{row + 1:,}".replace(",", ".")
        lines.append(f"{usernames[row % len(usernames)]};{times};{views};{row // 2};{row % 9};{row}.png")
    (folder / "campaign.csv").write_text("\n".join(lines))
    with ZipFile(folder / "campaign.zip", "w") as archive:
        for shot in range(size):
            archive.writestr(f"{shot}.png", PNG + f"{shot:05d}".encode() * 20_000)
    return folder / "campaign.csv"


def _load(conn: psycopg.Connection, settings: Settings, path: Path, run_id: str) -> Loaded:
    told = reading("story_metrics", date_format="%d/%m/%Y %H:%M")
    return load_file(conn, settings, Request(path, "bench", told), START, run_id)
