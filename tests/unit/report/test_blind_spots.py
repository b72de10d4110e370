"""What the report says of what could not be seen, and of who is silent."""

import io
from datetime import timedelta
from decimal import Decimal

from rich.console import Console

from storykeep.report.blind_spots import BlindSpot, show_blind_spots
from storykeep.report.silences import MOST, Silence, show_silences

SPOTS = (
    BlindSpot("Glow", "Stories deleted early", "yes", Decimal("1.00"), "stories", "It was taken down.", "Compare."),
    BlindSpot("Glow", "Hours in which nobody could look", "yes", Decimal("1205.50"), "hours", "Unread.", "Ask."),
    BlindSpot("Glow", "Live videos", "maybe", None, None, "Never shown.", "Ask for numbers."),
    BlindSpot("Idle", "Live videos", "maybe", None, None, "Never shown.", "Ask for numbers."),
)


def console() -> Console:
    return Console(file=io.StringIO(), width=80, color_system=None)


def printed(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_what_is_certain_is_a_table_and_what_may_be_is_a_line() -> None:
    screen = console()
    show_blind_spots(screen, SPOTS, in_full=False)
    text = printed(screen)
    assert [line.split() for line in text.splitlines() if line.startswith("Glow")] == [
        ["Glow", "Stories", "deleted", "early", "1", "story"],
        ["Glow", "Hours", "in", "which", "nobody", "could", "look", "1,205.5", "hours"],
    ]
    assert "Idle" not in text
    assert "Nobody can tell of: live videos." in text
    assert max(map(len, text.splitlines())) <= 80


def test_of_one_campaign_every_blind_spot_says_what_to_do() -> None:
    screen = console()
    show_blind_spots(screen, SPOTS[:3], in_full=True)
    text = " ".join(printed(screen).split())
    assert "It was taken down. Compare." in text
    assert "Live videos - Never shown. Ask for numbers." in text


def test_without_blind_spots_nothing_is_said() -> None:
    screen = console()
    show_blind_spots(screen, (), in_full=False)
    show_silences(screen, ())
    assert printed(screen) == ""


def test_silences_are_one_line_whatever_their_number() -> None:
    screen = console()
    silent = [Silence(f"a{number}", timedelta(hours=80), timedelta(hours=24)) for number in range(MOST + 2)]
    show_silences(screen, tuple(silent))
    (line, _) = printed(screen).splitlines()
    assert line.startswith("Silent although daily: @a0 for 3 d 8 h (usually 24 h 0 min), @a1 ")
    assert f"@a{MOST - 1} for" in line
    assert f"@a{MOST} " not in line
    assert " and 2 more. " in line
