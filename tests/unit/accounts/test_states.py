import csv
import re
from collections import Counter
from pathlib import Path
from typing import get_args

import yaml

from storykeep.accounts.states import AFTER_REFUSAL, CONDITIONS, TROUBLE, Owner, Reason, State, condition
from storykeep.graph.errors import Reason as RefusalReason

SEED = Path(__file__).parents[3] / "dbt" / "seeds" / "connection_states.csv"


def test_bi_and_alerts_use_the_same_words() -> None:
    with SEED.open(encoding="utf-8", newline="") as file:
        shown_by_bi = list(csv.reader(file))
    said_here = [[one.state.value, one.reason.value if one.reason else "", one.owner, one.remedy] for one in CONDITIONS]
    assert shown_by_bi == [["state", "reason", "owner", "remedy"], *said_here]


def test_each_state_with_its_reason_stands_once_and_every_state_has_words() -> None:
    pairs = Counter((one.state, one.reason) for one in CONDITIONS)
    assert set(pairs.values()) == {1}
    assert {one.state for one in CONDITIONS} == set(State)
    assert {one.reason for one in CONDITIONS} == {None, *Reason}
    assert {one.owner for one in CONDITIONS} == set(get_args(Owner))


def test_every_refusal_that_the_api_gives_leads_to_a_trouble_with_words() -> None:
    assert set(AFTER_REFUSAL) == set(get_args(RefusalReason))
    for reason, state in AFTER_REFUSAL.items():
        assert state in TROUBLE
        assert condition(state, reason).remedy


def test_words_survive_yaml_and_csv() -> None:
    """They are copied into seeds, logs and dashboards: one line, no quotes."""
    for one in CONDITIONS:
        assert re.fullmatch(r"[A-Za-z ,;:()-]+", one.remedy)
        assert yaml.safe_load(yaml.safe_dump(one.remedy)) == one.remedy
