"""One demo over the real Airflow for all tests here: it takes minutes."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storykeep.local import demo
from storykeep.local.stack import LocalStack, throwaway_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with throwaway_stack(tmp_path_factory.mktemp("stack"), tick=demo.TICK) as stack:
        assert demo.run(stack, timedelta(days=1)) == []
        yield stack
