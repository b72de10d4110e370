"""When a tick calls for a build, and when it does not."""

import pytest


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [{}, {}],
        [{"listings": 0, "readings": 0, "rows": 0}],
        [{"refused": 3}],
    ],
)
def test_a_tick_that_landed_nothing_starts_no_build(counts: list[dict[str, int]]) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from storykeep.airflow import tasks

    with pytest.raises(AirflowSkipException, match="nothing to build"):
        tasks.skip_unless_landed(counts)


@pytest.mark.parametrize("counts", [[{"rows": 1}], [{}, {"listings": 0, "rows": 2}], [{"drained": 50}]])
def test_whatever_one_shard_landed_starts_one(counts: list[dict[str, int]]) -> None:
    from storykeep.airflow import tasks

    tasks.skip_unless_landed(counts)
