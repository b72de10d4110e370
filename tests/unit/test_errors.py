"""One line: where, what, and what to do."""

import pickle

import pytest

from storykeep.errors import StorykeepError


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({}, "it is broken"),
        ({"where": "the door"}, "the door: it is broken"),
        ({"remedy": "mend it"}, "it is broken -> mend it"),
        ({"where": "the door", "remedy": "mend it"}, "the door: it is broken -> mend it"),
    ],
)
def test_the_parts_make_one_line(parts: dict[str, str], line: str) -> None:
    error = StorykeepError("it is broken", **parts)
    assert str(error) == line
    assert (error.what, error.where, error.remedy) == ("it is broken", parts.get("where", ""), parts.get("remedy", ""))


def test_it_reads_the_same_in_another_process() -> None:
    error = StorykeepError("it is broken", where="the door", remedy="mend it")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 (our own bytes)
