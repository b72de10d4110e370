import json
from pathlib import Path

import pytest
from figures import Figure, write_json


@pytest.mark.parametrize(
    ("figure", "reached"),
    [
        (Figure("rows", 20_000, at_least=20_000), True),
        (Figure("rows", 19_999, at_least=20_000), False),
        (Figure("times", 3, at_most=3), True),
        (Figure("times", 3.1, at_most=3), False),
        (Figure("undercount", 0.3, at_most=0), False),
        (Figure("seconds", 3.1), None),
    ],
)
def test_a_figure_is_reached_on_the_good_side_of_its_target(figure: Figure, reached: bool | None) -> None:
    assert figure.reached is reached


@pytest.mark.parametrize(
    ("value", "shown"),
    [(44_252.4, "44,252 %"), (99.978, "99.978 %"), (100.0, "100 %"), (312.34, "312.3 %"), (0.004, "0.00 %")],
)
def test_a_value_is_shown_with_as_many_digits_as_mean_something(value: float, shown: str) -> None:
    assert Figure("share", value, "%").shown == shown


def test_a_share_just_below_its_target_does_not_look_like_it() -> None:
    figure = Figure("views kept", 99.897, "%", at_least=99.9)
    assert figure.reached is False
    assert figure.shown != Figure("views kept", 99.9, "%").shown


def test_the_file_holds_every_figure_with_its_command_and_verdict(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    write_json(file, [("a", [Figure("x", 1, "s", at_most=2), Figure("y", 2)]), ("b", [Figure("z", 3)])], quick=True)
    document = json.loads(file.read_text())
    assert document["quick"] is True
    assert [(row["command"], row["what"], row["value"], row["reached"]) for row in document["figures"]] == [
        ("a", "x", 1, True),
        ("a", "y", 2, None),
        ("b", "z", 3, None),
    ]
