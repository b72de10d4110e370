"""An answer is one thing or the other."""

import pytest
from tests.unit.graph.fake_api import ask

from storykeep.graph.asks import answer_of
from storykeep.graph.errors import TransientError
from storykeep.graph.replies import Result


@pytest.mark.parametrize("result", [Result(), Result(body={}, error=TransientError("m"))])
def test_an_answer_has_either_a_body_or_an_error(result: Result) -> None:
    with pytest.raises(ValueError, match="either a body or an error"):
        answer_of(ask(), result)
