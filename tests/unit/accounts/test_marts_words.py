import csv
import re

from storykeep.accounts.connections import INSIGHTS_SCOPE, READ_SCOPE
from storykeep.accounts.states import CAPTURED, TROUBLE
from storykeep.settings import PROJECT


def test_the_marts_know_which_states_are_captured_and_which_are_trouble() -> None:
    macros = (PROJECT / "dbt/macros/health.sql").read_text()
    for name, states in (("connected_states", CAPTURED), ("trouble_states", TROUBLE)):
        body = macros.partition(f"macro {name}()")[2].partition("endmacro")[0]
        assert set(re.findall(r"'(\w+)'", body)) == {state.value for state in states}


def test_the_marts_know_which_permissions_capture_needs() -> None:
    with (PROJECT / "dbt/seeds/permissions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for gives, scopes in (("content", READ_SCOPE), ("insights", INSIGHTS_SCOPE)):
        shown_by_bi = {row["login_flavour"]: row["permission"] for row in rows if row["gives"] == gives}
        assert shown_by_bi == scopes
    assert {row["gives"] for row in rows} == {"", "content", "insights"}
    assert {row["login_flavour"] for row in rows} == set(READ_SCOPE)
    assert all(row["purpose"] for row in rows)
